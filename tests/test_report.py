"""The report: nothing in it runs or is loaded, nothing from outside is markup, and what must be said is said."""

import base64
import re
from dataclasses import replace
from html import escape, unescape
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import vignettes
from test_run import NUTS_ATTRS, fake_left_out, prepare, prior_fit

from alliancecred import check, grids
from alliancecred.asking import evaluate
from alliancecred.assemble import provenance
from alliancecred.figures import alt_text, ppc_data
from alliancecred.gates import Diagnosis
from alliancecred.markup import Html, el, join, table
from alliancecred.opening import open_sources
from alliancecred.priors import Flat, HalfNormal, Normal
from alliancecred.report import Contents, Picture, draw_pictures, evaluate_all, few, full_table, overall, render
from alliancecred.report.equations import mathml
from alliancecred.report.findings import chance, estimates, findings
from alliancecred.report.left_out import left_out, verdict_words
from alliancecred.report.mathematics import legend, mathematics
from alliancecred.report.misfits import misfits
from alliancecred.report.page import style
from alliancecred.report.pictures import plans
from alliancecred.report.rounding import digits_apart
from alliancecred.report.words import GLOSSARY
from alliancecred.spec import Estimand
from alliancecred.spec_file import models_dir, read_spec
from alliancecred.summaries import summary
from alliancecred.terms import Cuts, Fixed, Gap, Level, Shift
from alliancecred.wording import points_at_half, prior_words, term_words

LAPLACE_ATTRS = {
    "method": "laplace",
    "method_reason": "it passed its gates",
    "inference_library": "alliancecred",
    "attempts": 1,
    "evaluations": 6500,
}
NASTY = (
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "</title><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "{{7*7}}",
    "a\x1b[31mb\x00c",
    "$x^2$ & 'q'",
)
VOID = {"meta", "br", "img", "source", "hr", "col", "input", "wbr"}


class Reader(HTMLParser):
    """Collects elements and refuses what is not closed."""

    def __init__(self):
        super().__init__()
        self.elements, self.open, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    return reader


def contents_of(name, data=None, **changes):
    spec = read_spec(models_dir() / f"{name}.toml")
    opened = open_sources(spec, data or models_dir())
    spec, cells, design = prepare(replace(spec, variants=(), **changes), *opened.sources)
    fit = prior_fit(design, cells, draws=400)
    fit.idata.attrs.update(provenance(design, 1, 0.5) | NUTS_ATTRS)
    # too few draws to pass by themselves: the page is what is tested here
    estimates = tuple(replace(e, status="passed") for e in evaluate_all(fit, opened.population))
    truth = evaluate_all(replace(opened.truth, spec=spec)) if opened.truth else ()
    left = fake_left_out(fit, random_seed=1, draws=1) if len(cells.rows) < 30 else None
    return Contents(
        fit,
        estimates,
        (),
        full_table(spec, estimates, truth),
        summary(list(estimates)),
        check.ppc(fit),
        left,
        ("a remark",),
        ("DataWarning: look here",),
        "a source",
        (("data.csv", "ab" * 32),),
        "2025-03-31",
        1.0,
    )


@pytest.fixture(scope="module")
def contents():
    return contents_of("microcode_2025")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("report") / "figures"
    made.mkdir()
    return made


@pytest.fixture(scope="module")
def page(contents, folder):
    return render(contents, draw_pictures(contents, folder))


@pytest.fixture(scope="module")
def picture():
    return Picture("A title", "words", b"png", b"png", 7.0, ())


# --- nothing runs, nothing is loaded ------------------------------------------------------------
def test_the_page_loads_and_runs_nothing(page):
    elements = read(page).elements
    assert {t for t, _ in elements}.isdisjoint({"script", "iframe", "object", "embed", "link", "form", "base", "video"})
    for tag, attrs in elements:
        assert not [a for a in attrs if a.startswith("on")]
        for key in ("src", "srcset"):
            assert attrs.get(key, "data:image/png;base64,").startswith("data:image/png;base64,")
        target = attrs.get("href", "#")
        inside = re.fullmatch(r"data:(application/pdf|text/csv|text/plain);base64,[A-Za-z0-9+/=]+", target)
        assert target.startswith("#") or re.fullmatch(r"[\w.]+", target) or (inside and attrs["download"]), (
            tag,
            target,
        )
    policy = [a["content"] for t, a in elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_the_style_sheet_loads_nothing():
    assert not re.search(r"url\(|@import|expression|</", style())


def test_links_lead_to_parts_and_files_that_are_there(page, folder):
    elements = read(page).elements
    anchors = {f"#{a['id']}" for _, a in elements if "id" in a}
    for _, attrs in elements:
        target = attrs.get("href", "")
        assert not target.startswith("#") or target in anchors
        if "download" in attrs and attrs["download"] != "methods.txt":
            assert base64.b64decode(target.partition(",")[2]) == (folder / attrs["download"]).read_bytes()
    kept = {attrs["download"] for _, attrs in elements if "download" in attrs}
    assert kept == {p.name for p in folder.iterdir() if p.suffix in (".csv", ".pdf")} | {"methods.txt"}


@pytest.mark.bad(11)
def test_no_label_becomes_markup(picture):
    names = tuple(zip(("CA", "DE", "PL", "UK", "US", "RU", "public"), NASTY, strict=True))
    nasty = contents_of("microcode_2025", names=names, title=NASTY[2], question=NASTY[0], references=NASTY)
    changed = replace(nasty, warnings=NASTY, remarks=NASTY, source=NASTY[0], files=((NASTY[1], NASTY[2]),))
    reader = read(render(changed, [replace(picture, title=NASTY[0], alt=NASTY[1])]))
    assert {t for t, _ in reader.elements}.isdisjoint({"script", "svg"})
    assert not [a for _, attrs in reader.elements for a in attrs if a.startswith("on")]
    assert all(a["src"].startswith("data:") for t, a in reader.elements if t == "img")
    assert NASTY[0] in "".join(reader.text)
    assert "\x1b" not in "".join(reader.text)
    assert "\x00" not in "".join(reader.text)


def test_only_markup_is_markup():
    assert el("p", "<b>", Html("<i>"), attrs={"title": '">'}) == '<p title="&quot;&gt;">&lt;b&gt;<i></p>'
    assert join("a\x07\ud800b") == "ab"
    assert isinstance(join("x"), Html)


# --- what must be said --------------------------------------------------------------------------
def test_what_was_done_can_be_read(page, contents):
    text = "".join(read(page).text)
    spec = contents.spec
    for words in (
        spec.title,
        spec.question,
        *spec.references,
        contents.spec.digest,
        "ab" * 32,
        "a remark",
        "DataWarning: look here",
        *contents.fit.design.notes,
        "All gates passed",
        "2025-03-31",
    ):
        assert words in text, words
    for report in contents.fit.cells.reports:
        assert all(line.what in text for line in report.lines)
    assert all(word in text and meaning in text for word, meaning in GLOSSARY)
    assert "not a belief about beliefs" in text.lower()
    assert "SIMULATED" not in text


def test_simulated_is_the_first_thing_said(picture):
    simulated = contents_of("retrenchment_simulated")
    text = "".join(read(render(simulated, [picture])).text)
    assert text.index("SIMULATED DATA") < text.index("Main findings")
    assert "Truth" in text
    assert re.search(r"\d+ of the 95 % intervals", text)
    truth = next(p for p in plans(simulated) if p.name == "truth")
    assert "cover their truth" in alt_text(truth.draw("column"))


def test_failed_gates_are_the_first_thing_said(contents, picture):
    good = contents.fit.diagnosis
    bad = Diagnosis(good.table, 7, 0, (0.1,), ("7 divergences",))
    text = "".join(read(render(replace(contents, fit=replace(contents.fit, diagnosis=bad)), [picture])).text)
    assert text.index("GATES FAILED") < text.index("7 divergences") < text.index("Main findings")
    assert "All gates passed" not in text


def test_the_engine_and_its_own_gates_are_named(contents, picture):
    tree = contents.fit.idata.copy()
    tree.attrs = {k: v for k, v in tree.attrs.items() if k not in NUTS_ATTRS} | LAPLACE_ATTRS
    table = pd.DataFrame({"variable": ["a"], "k_hat": [0.31], "ess_bulk": [2000.0], "ess_tail": [1800.0]})
    weighted = Diagnosis(table, 0, 0, (), ())
    fit = replace(contents.fit, idata=tree, diagnosis=weighted)
    text = "".join(read(render(replace(contents, fit=fit), [picture])).text)
    assert "Pareto k below 0.7, bulk and tail effective sizes of at least 400." in text
    assert "nested Laplace with importance correction: it passed its gates" in text
    assert "resampled from 6,500 weighted ones" in text
    assert "0.31" in text[text.index("Diagnostics, over every variable") :]
    assert "no-U-turn sampler (NUTS): asked for" not in text
    assert "R-hat max" not in text
    assert "E-BFMI min" not in text
    by_nuts = "".join(read(render(contents, [picture])).text)
    assert "R-hat max" in by_nuts
    assert "Pareto k max" not in by_nuts


def test_every_figure_has_words_for_those_who_cannot_see_it(page):
    images = [a for t, a in read(page).elements if t == "img"]
    assert len(images) == 5
    assert all(len(a["alt"]) > 40 for a in images)
    words = re.findall(r"<summary>This figure in words</summary><p>(.*?)</p>", page)
    assert len(words) == 5
    assert [w for w, a in zip(words, images, strict=True) if unescape(w) == a["alt"]] == []
    assert sum(len(a["alt"]) for a in images) < 0.7 * sum(map(len, words))


def test_rows_of_tables_have_a_cell_for_every_head(page):
    for part in re.findall(r"<table.*?</table>", page, flags=re.DOTALL):
        sizes = {len(re.findall(r"<t[hd][ >]", row)) for row in re.findall(r"<tr>.*?</tr>", part, flags=re.DOTALL)}
        assert len(sizes) == 1


def test_a_mean_names_its_countries_and_not_the_ally(page, folder):
    labels = pd.read_csv(folder / "shift_means.csv").label
    assert "Mean of CA, DE, PL, UK" in set(labels)
    assert not labels.isin(["United States"]).any()


def test_averages_of_several_quantities_are_told_apart(contents):
    asked = (Estimand("shift"), Estimand("shift", answer="mean"))
    spec = replace(contents.spec, estimands=asked)
    fit = replace(contents.fit, spec=spec)
    estimates = tuple(evaluate(fit, e) for e in asked)
    own = replace(contents, fit=fit, estimates=estimates, varied=(), table=summary(list(estimates)))
    titles = [p.title for p in plans(own)][:2]
    assert all(t.startswith("Shifts averaged over countries: ") for t in titles)
    assert "mean answer" in titles[1]
    assert "mean answer" not in titles[0]
    alone = replace(own, fit=replace(fit, spec=replace(spec, estimands=asked[:1])), estimates=estimates[:1])
    assert next(p.title for p in plans(alone)) == "Shifts averaged over countries"


def test_prior_stands_beside_posterior(contents, page):
    text = "".join(read(page).text)
    assert "prior beside posterior" in text
    low = f"{contents.prior['lower'][0]:.1f}"
    assert low in text


# --- mathematics --------------------------------------------------------------------------------
def test_only_symbols_that_occur_are_explained():
    said = legend(
        [
            r"\eta_i = \alpha + \text{Qa1b2Q}_{i}\,d_{w}",
            r"d_{w} - d_{w - 1} \sim \operatorname{Normal}(0,\ 1^2\,\Delta t_w)",
            r"\sigma_{\lambda_{c}} \sim \operatorname{Normal}^{+}(0,\ 1^2)",
        ]
    )
    assert re.findall(r"Indices: (.*?)\.", said) == ["c country, w wave, i answer"]
    for words in ("mean and variance", "positive half", "one sd for all groups", "Δt"):
        assert words in said
    for words in ("one for each role", "π", "ρ", "κ", "LogNormal", "its bounds"):
        assert words not in said


def test_the_legend_of_a_report_is_that_of_its_model(page):
    shown = re.search(r'<p class="legend">(.*?)</p>', page)[1]
    names = re.search(r"Indices: (.*?)\.", shown)[1].split(", ")
    assert [n[0] for n in names if n[1] == " "] == ["c", "w", "r", "i"]
    assert "A: the answers that a published share counts, here “believes”; π: their chance" in shown
    for words in ("Δt", "ρ", "person", "LogNormal"):
        assert words not in shown
    experiment = contents_of("slider_simulated")
    own = re.search(r'<p class="legend">(.*?)</p>', render(experiment, []))[1]
    assert "published share" not in own


def test_what_a_published_share_counts_is_linked_to_the_sum_of_terms(page, contents):
    assert mathml(r"\pi_i = \Pr(y_i \in A_i \mid \eta_i)", block=True) in page
    without = replace(contents, fit=replace(contents.fit, cells=replace(contents.fit.cells, toplines=())))
    assert "<mi>&#x003C0;</mi>" in page
    assert "<mi>&#x003C0;</mi>" not in mathematics(without)


def test_weeks_are_explained_only_where_an_effect_changes_with_them(page):
    assert "Signal us2025; it stays." in page
    assert "t: weeks from" not in page


# --- words and numbers --------------------------------------------------------------------------
def test_priors_in_points_equal_those_of_a_fine_grid():
    z = np.linspace(-8, 8, 100_001)
    weight = np.exp(-z * z / 2)
    points = 100 / (1 + np.exp(-1.5 * z)) - 50
    sd = np.sqrt(np.average(points**2, weights=weight))
    got = points_at_half(Normal(0.0, 1.5))
    assert got is not None
    assert abs(got[0] - sd) < 0.01
    assert abs(got[2] - (100 / (1 + np.exp(-1.5 * 1.959964)) - 50)) < 0.01
    assert got[1] == pytest.approx(-got[2], abs=1e-9)  # what is symmetric is printed so
    draws = np.abs(np.random.default_rng(1).normal(0, 0.5, 10**6)) * np.random.default_rng(2).normal(size=10**6)
    scale = points_at_half(HalfNormal(0.5))
    assert scale is not None
    assert np.abs(np.quantile(100 / (1 + np.exp(-draws)) - 50, [0.025, 0.975]) - scale[1:]).max() < 0.15
    assert points_at_half(Flat()) is None


def test_a_scale_in_points_is_that_of_one_group():
    got = points_at_half(HalfNormal(1e-3))
    assert got is not None
    assert got[0] == pytest.approx(25 * 1e-3, rel=0.03)  # slope of the logistic at 50 %, mean square of a half-normal 1


@pytest.mark.parametrize("prior", [Normal(0.5, 1.0), HalfNormal(0.5), Flat()])
def test_every_prior_has_words(prior):
    assert prior_words(prior)


def test_every_term_has_words():
    spec = read_spec(models_dir() / "retrenchment_simulated.toml")
    terms = [
        Level(("country",)),
        Shift("us2025"),
        Shift("us2025", by=("ally",), roles=("other",), correlated=True),
        Gap(),
        Gap(by=("ally",)),
        Gap(signal="us2025"),
        Gap(signal="us2025", by=("ally",)),
        Fixed("us", (("ally", ("US",)),)),
        Cuts(),
    ]
    words = [term_words(t, spec) for t in terms]
    assert len(set(words)) == len(terms)
    assert not [w for w in words if "(by=" in w or not w.endswith(".")]


@pytest.mark.parametrize(
    ("p", "words"), [(1.0, "> 0.999"), (0.0, "< 0.001"), (0.5, "0.50"), (0.005, "0.005"), (float("nan"), "–")]
)
def test_a_probability_is_never_printed_as_certain(p, words):
    assert chance(p) == words


def test_a_table_scrolls_by_itself():
    made = table(("a", "b"), [("x", "1")], caption="c", numbers=(1,))
    assert 'class="scroll"' in made
    assert '<th scope="row">x</th>' in made


# --- what the answer rests on -------------------------------------------------------------------
def sds(design):
    return [(b.variable, b.scale.sd) for b in design.pooled]


@pytest.fixture
def few_countries(monkeypatch, contents):
    """Six countries pass for few; fits are replaced by the prior of the design that would be fitted."""
    monkeypatch.setattr(grids, "FEW", 6)
    seen = []

    def fake(design, cells, seed, *, draws, method):
        seen.append((sds(design), seed, draws, method))
        return prior_fit(design, cells, draws=4 * draws, random_seed=seed)

    monkeypatch.setattr(few, "refit", fake)
    return contents, seen


def test_scales_of_few_groups_are_halved_and_doubled_together(few_countries, picture):
    contents, seen = few_countries
    frame, why = few.vary_scales(contents.fit, random_seed=3, draws=100)
    assert why == ""
    base = sds(contents.fit.design)
    assert [s[0] for s in seen] == [[(v, f * sd) for v, sd in base] for f in (0.5, 2.0)]
    assert {s[1:] for s in seen} == {(3, 100, "laplace")}
    _, estimate, rows = contents.asked[0]
    assert frame.factor.tolist() == [0.5] * len(estimate) + [2.0] * len(estimate)
    text = "".join(read(render(replace(contents, moved=frame), [picture])).text)
    assert text.index("How the answer moves with the prior on the scale") < text.index("Cells that the model")
    assert "level by country, shift us2025 by country (sender)" in text
    part = text[text.index("How the answer moves") :]
    for table_, factor in ((frame, 0.5), (frame, 2.0), (rows.assign(factor=1.0), 1.0)):
        first = table_[table_.factor == factor].iloc[0]
        assert f"{first['mean']:.1f} [{first['lower']:.1f}, {first['upper']:.1f}]".replace("-", "−") in part
    failed = replace(contents, moved=frame.assign(status=np.where(frame.factor == 2.0, "failed: k", "passed")))
    assert "1 of these fits failed a gate (†)" in "".join(read(render(failed, [picture])).text)


def test_a_refit_without_a_posterior_is_a_dash(few_countries, monkeypatch, picture):
    contents, _ = few_countries
    monkeypatch.setattr(few, "refit", lambda *a, **k: "failed: no posterior")
    frame, _ = few.vary_scales(contents.fit, random_seed=3, draws=100)
    assert frame.status.tolist() == ["failed: no posterior"] * 2
    assert "How the answer moves" in "".join(read(render(replace(contents, moved=frame), [picture])).text)


def test_what_takes_long_or_is_beyond_laplace_is_not_varied_and_that_is_said(few_countries, monkeypatch):
    contents, seen = few_countries
    tree = contents.fit.idata.copy()
    tree.attrs["fit_time"] = 21.0
    frame, why = few.vary_scales(replace(contents.fit, idata=tree), random_seed=1, draws=9)
    assert frame is None
    assert "a fit takes 21 s" in why
    assert "few_groups_grid" in why
    people = replace(contents.fit, design=replace(contents.fit.design, respondent=HalfNormal(1.0)))
    assert "does not integrate over respondents" in few.vary_scales(people, random_seed=1, draws=9)[1]
    monkeypatch.setattr(grids, "FEW", 5)
    assert few.vary_scales(contents.fit, random_seed=1, draws=9) == (None, "")
    assert seen == []


def test_cells_that_are_not_reproduced_are_named_the_farthest_first(contents, picture):
    frame = contents.ppc.assign(rank=0.5)
    assert "0 of 12 cells have a rank" in "".join(read(render(replace(contents, ppc=frame), [picture])).text)
    frame.loc[[2, 5, 7], "rank"] = [0.024, 0.976, 0.974]
    frame.loc[2, ["mean", "lower", "upper"]] = frame.observed_lower[2] + np.array([5.0, 3.0, 7.0])
    frame.loc[5, ["mean", "lower", "upper"]] = frame.observed_lower[5] - np.array([9.0, 11.0, 7.0])
    text = "".join(read(render(replace(contents, ppc=frame), [picture])).text)
    assert "2 of 12 cells have a rank below 0.025 or above 0.975; by chance it would be about 0.6" in text
    names = [f"{contents.spec.label(frame.country[i])}, {frame.wave[i]}" for i in (2, 5, 7)]
    part = text[
        text.index("Cells that the model does not reproduce") : text.index(
            "Each combination of country and wave predicted"
        )
    ]
    assert part.index(f"{names[1]}: observed") < part.index(f"{names[0]}: observed")
    assert "more than predicted" in part[part.index(names[1]) : part.index(names[0])]
    assert "less than predicted" in part[part.index(names[0]) :]
    assert names[2] not in part


def outside_by(frame, values):
    """The frame with intervals that miss what was observed: below (-) or above (+) it by so much."""
    out = frame.assign(lower=frame.observed_lower - 5, upper=frame.observed_upper + 5, mean=frame.observed_lower)
    for i, value in values.items():
        low, high = frame.observed_lower[i], frame.observed_upper[i]
        bounds = (high + value, high + value + 5) if value > 0 else (low + value - 5, low + value)
        out.loc[i, ["lower", "upper", "mean"]] = [*bounds, sum(bounds) / 2]
    return out


def test_what_was_left_out_and_lies_outside_is_named(contents):
    frame = outside_by(contents.left_out, {2: 3.0, 7: -0.02})
    names = [f"{contents.spec.label(frame.country[i])}, {frame.wave[i]}" for i in (2, 7)]
    said = verdict_words(frame, contents.spec)
    assert said == (
        "2 of 12 observed values lie outside the 95 % predictive interval of a fit without them: "
        f"{'; '.join(names)}. By chance about 5 % would be expected, here 0.6."
    )
    assert said in "".join(read(left_out(replace(contents, left_out=frame))).text)
    good = verdict_words(outside_by(contents.left_out, {}), contents.spec)
    assert good.startswith("None of 12 observed values lie outside")
    assert good.endswith("; by chance about 5 % would be expected, here 0.6.")
    touching = outside_by(contents.left_out, {}).assign(upper=frame.observed_lower, lower=0.0)
    assert verdict_words(touching, contents.spec).startswith("None of 12")


@pytest.mark.parametrize(
    ("lines", "title"),
    [
        ([("DE", "US"), ("PL", "US")], "Each country predicted from all the others"),
        ([("DE", "US"), ("DE", "FR")], "Each ally predicted from all the others"),
        ([("DE", "US"), ("PL", "FR")], "Each combination of country and ally predicted from all the others"),
    ],
)
def test_what_is_left_out_is_called_what_it_is(contents, lines, title):
    frame = lines_of_a_check(*lines).assign(status="passed")
    own = replace(contents, left_out=frame)
    assert title in "".join(read(left_out(own)).text)
    assert title in [p.title for p in plans(own)]


def test_a_value_that_is_outside_is_seen_to_be_outside(contents):
    assert digits_apart(7.38, 7.41, 9.0, 1) == 2
    assert digits_apart(7.4041, 7.4049, 9.0, 1) == 3
    assert digits_apart(8.0, 7.4, 9.0, 1) == digits_apart(7.3, 7.4, 9.0, 1) == 1
    table_ = contents.table.assign(truth=contents.table["mean"])
    table_.loc[0, ["mean", "lower", "upper", "truth"]] = [8.2, 7.41, 9.0, 7.38]
    shown = "".join(read(join(estimates(replace(contents, table=table_)))).text)
    assert "8.20 [7.41, 9.00]" in shown
    assert "7.38 (outside)" in shown
    frame = contents.ppc.assign(rank=0.5)
    at = frame.observed_lower[5]
    frame.loc[5, ["observed_upper", "mean", "lower", "upper", "rank"]] = [at, at + 2, at + 0.02, at + 4, 0.001]
    assert f"observed {at:.2f} %" in misfits(replace(contents, ppc=frame))
    left = contents.left_out.assign(lower=frame.lower, upper=frame.upper, observed_upper=frame.observed_upper)
    assert f"[{at + 0.02:.2f}, {at + 4:.2f}]" in left_out(replace(contents, left_out=left))


def lines_of_a_check(*rows, declared=()):
    """A frame of `ppc`: a line per row of country, ally and levels of what is declared."""
    labels = pd.DataFrame(list(rows), columns=["country", "ally", *declared])
    labels.insert(2, "target", "")
    labels = labels.assign(wave="", population="public")[["country", "ally", "target", "wave", "population", *declared]]
    numbers = {"observed_lower": 40.0, "observed_upper": 40.0, "mean": 41.0, "lower": 30.0, "upper": 50.0, "rank": 0.4}
    return labels.assign(people=100.0, answer="top", **numbers)


def test_two_countries_by_an_attribute_are_told_apart():
    levels = ("", "reassurance", "threat")
    frame = lines_of_a_check(*[(c, "US", v) for c in ("DE", "PL") for v in levels], declared=("treatment",))
    labels = ppc_data(frame)["label"].tolist()
    assert labels[:3] == ["DE", "DE, treatment: reassurance", "DE, treatment: threat"]
    assert len(set(labels)) == 6
    one = lines_of_a_check(*[("DE", "US", v) for v in levels], declared=("treatment",))
    assert ppc_data(one)["label"].tolist() == ["DE", "treatment: reassurance", "treatment: threat"]


def test_lines_whose_names_are_alike_say_what_each_part_is():
    frame = lines_of_a_check(("PL", ""), ("", "PL"), ("PL", "US"))
    assert ppc_data(frame)["label"].tolist() == ["country: PL", "ally: PL", "PL: US"]


def asked_of(contents, *estimands, **changes):
    """The contents with other questions, and their estimates with other fields."""
    fit = replace(contents.fit, spec=replace(contents.spec, estimands=estimands))
    estimates = tuple(
        replace(evaluate(fit, e), status="passed", **{k: v[i] for k, v in changes.items()})
        for i, e in enumerate(estimands)
    )
    return replace(contents, fit=fit, estimates=estimates, table=summary(list(estimates)), prior=None)


def test_labels_of_identification_that_differ_stand_beside_their_rows(contents):
    two = (Estimand("shift", name="first"), Estimand("shift", name="second", include_self=True))
    differ = asked_of(contents, *two, identification=("randomised", "before-after"))
    made = findings(differ)
    found = re.findall(r">(First|Second)[^<]*</th>.*?<td>(randomised|before-after)</td>", made)
    assert set(found) == {("First", "randomised"), ("Second", "before-after")}
    assert "Main estimates: percentage points<" in made
    alike = findings(asked_of(contents, *two))
    assert "Main estimates: percentage points; before-after<" in alike
    assert "<td>before-after</td>" not in alike


def test_headings_are_words_and_not_names_of_functions(contents):
    asked = (Estimand("marginal_means"), Estimand("amce", by=("educ",)), Estimand("amce"), Estimand("amce", name="own"))
    spec = vignettes.spec_of(estimands=(*asked, Estimand("moderation", attributes=("oath",), moderator="power")))
    fit = vignettes.fit_of(spec, vignettes.read(vignettes.make_people()))
    made = tuple(evaluate(fit, e) for e in spec.estimands)
    own = replace(contents, fit=fit, estimates=made, table=summary(list(made)), left_out=None)
    shown = [*read(estimates(own)).text, *read(findings(own)).text, *(p.title for p in plans(own))]
    for raw in ("amce", "marginal_means"):
        assert not [text for text in shown if raw in text.lower()]
    for words in (
        "Marginal means",
        "Average marginal component effects by educ",
        "Own",
        "Differences of marginal means",
    ):
        assert [text for text in shown if text.startswith(words)], words
    assert {"Marginal means", "Average marginal component effects"} <= {p.title for p in plans(own)}


def test_a_smallest_effect_that_was_declared_is_named_with_its_probability(contents):
    declared = asked_of(contents, Estimand("shift", smallest=3.0))
    text = " ".join(read(render(declared, [])).text)
    assert "a smallest effect of interest was declared (3 percentage points)" in text
    assert "none are made" not in text
    beyond = chance(float(declared.table["p_beyond"][0]))
    for made in (findings(declared), estimates(declared)):
        assert re.search(rf">P\(beyond ±3\)</th>.*?<td class=\"n\">{re.escape(escape(beyond))}</td></tr>", made)
        assert "larger than the smallest effect of interest" in made
    plain = " ".join(read(render(contents, [])).text)
    assert "none are made: probabilities of direction are given" in plain
    assert "beyond" not in plain[: plain.index("Every row of")]


def test_notes_are_sentences_unless_they_begin_with_a_name(contents):
    notes = ("weights: counts of 45 cells are scaled", "us2025: is not told apart", "public: few people")
    noted = replace(contents.estimates[-1], notes=notes)
    text = "".join(read(findings(replace(contents, estimates=(*contents.estimates[:-1], noted)))).text)
    assert ". Weights: counts of 45 cells are scaled." in text
    assert ". us2025: is not told apart." in text
    assert "public: few people" in text
    figure = plans(replace(contents, estimates=tuple(replace(e, notes=notes) for e in contents.estimates)))[1]
    assert ". Weights: counts of 45 cells are scaled." in figure.words
    design = replace(contents.fit.design, notes=notes)
    page = render(replace(contents, fit=replace(contents.fit, design=design)), [])
    assert "<li>Weights: counts of 45 cells are scaled</li><li>us2025: is not" in page


def test_what_failed_is_said_once_and_of_estimates_how_many(contents):
    first, *rest = contents.estimates
    bad = replace(first, status="failed: 7 divergences; this estimate: R-hat ≥ 1.01 for 6 of 12 (estimate[1]: 1.02)")
    worse = replace(first, status="failed: 7 divergences; this estimate: R-hat ≥ 1.01 for 1 of 1 (estimate[0]: 1.03)")
    fit = replace(contents.fit, diagnosis=replace(contents.fit.diagnosis, problems=("7 divergences",)))
    said = overall((fit,), (bad, worse, *rest))
    assert said == f"failed: 7 divergences; R-hat ≥ 1.01 in 2 of {2 + len(rest)} estimates"
    assert overall((contents.fit,), rest) == "passed"
