"""How values show themselves: what a card says, that it escapes, and that it is quick."""

import re
import time
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import alliancecred as ac
from alliancecred.estimate import Estimate
from alliancecred.figures.example import example_estimate
from alliancecred.fitting import prepare
from alliancecred.opening import open_sources
from alliancecred.report import prior_fit
from alliancecred.spec_file import models_dir

BAD = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def made():
    return ac.simulate("retrenchment_simulated")


@pytest.fixture(scope="module")
def fit(made):
    _, cells, design = prepare(ac.read_spec(models_dir() / "retrenchment_simulated.toml"), made.survey)
    found = prior_fit(design, cells, draws=200)
    attrs = {"method": "laplace", "method_reason": "it passed its gates", "fit_time": 1.25, "random_seed": 7}
    found.idata.attrs.update(attrs)
    return found


@pytest.fixture(scope="module")
def toplines():
    return open_sources(ac.read_spec(models_dir() / "microcode_2025.toml"), models_dir()).sources[0]


def words(value) -> str:
    """The text of a card; refuses what would load or run something, and colours that fit one theme only."""

    class Reader(HTMLParser):
        text = ""

        def handle_starttag(self, tag, attrs):
            assert tag in {"div", "table", "thead", "tbody", "tr", "th", "td", "svg", "line", "circle"}, tag
            assert not any(k.startswith("on") or k in ("src", "href") for k, _ in attrs)
            style = dict(attrs).get("style") or ""
            assert not re.search(r"(?<![-\w])(color|background(-color)?):\s*(#|black|white|rgb)", style)

        def handle_data(self, data):
            self.text += f"{data}\n"

    reader = Reader()
    reader.feed(value._repr_html_())
    return reader.text


def test_a_survey_shows_who_answered_where_and_what_was_left_out(made):
    import pandas as pd

    frame = pd.DataFrame({"c": [*"PPDDDP"], "w": [*"121111"], "q": ["yes", "no", "yes", "", "no", "no"]})
    survey = ac.read_survey(frame, roles=ac.Roles(country="c", wave="w", answer="q"), answers=("no", "yes"),
                            top=("yes",), constants={"ally": "US"})  # fmt: skip
    text = words(survey)
    assert "Survey of 5 answers" in text
    assert "“no” < “yes”; credible: “yes”" in text
    assert re.search(r"D\n2\n0\n", text)
    assert re.search(r"P\n2\n1\n", text)
    assert "excluded" in text
    assert repr(survey).startswith("<Survey: 5 answers, 2 countries, 1 ally, 2 waves, 1 population; 1 rows left out>")


def test_cells_show_levels_and_people(fit):
    text = words(fit.cells)
    assert "84 cells" in text
    assert "2025-01, 2025-03" in text
    assert repr(fit.cells).startswith("<Cells: 60,780 answers in 84 cells; country: 6")


def test_published_shares_show_what_was_published(toplines):
    text = words(toplines)
    assert "12 published shares" in text
    assert repr(toplines).startswith("<Toplines: 12 published shares>")


def test_a_spec_shows_terms_with_the_prior_each_uses_in_words_and_points(fit):
    text = words(fit.spec)
    assert re.search(r"Level by country: [^\n]*\nhalf-normal \(sd 0\.5\)\n−25 to 25\n", text)
    assert re.search(r"Shift with us2025: one effect[^\n]*\nnormal \(mean 0, sd 1\.5\)\n−45 to 45\n", text)
    assert re.search(r"Shift with us2025 by country \(role sender\)[^\n]*\nhalf-normal \(sd 0\.5\)\n", text)
    assert "SIMULATED DATA" in text
    assert "Signal us2025: United States, aid, retrenchment, 2025-03-03: a simulated stop of military aid." in text
    assert "shift by ally; gap" in text
    assert len(repr(fit.spec).splitlines()) == 5


def test_a_fit_shows_its_verdict_first(fit):
    text = words(fit)
    lines = [x for x in text.splitlines() if x]
    assert lines[2] == "✓ All gates passed."
    assert "laplace (it passed its gates)" in text
    assert "60,780 answers in 84 cells" in text
    assert "1.2" in lines[lines.index("seconds") + 1]
    bad = replace(fit, diagnosis=replace(fit.diagnosis, problems=("R-hat 1.03",)))
    assert "✗ GATES FAILED, do not report: R-hat 1.03." in words(bad)


def bars(value: Estimate) -> list[tuple[float, float, float]]:
    """Lower, mean and upper of each inline bar, in pixels."""
    out = []
    for svg in re.findall(r"<svg.*?</svg>", value._repr_html_()):
        x1, x2 = re.findall(r'x1="([\d.]+)" x2="([\d.]+)"', svg)[-1]
        out.append((float(x1), float(re.search(r'cx="([\d.]+)"', svg).group(1)), float(x2)))
    return out


def test_an_estimate_shows_numbers_and_bars_in_their_order():
    estimate = example_estimate()
    text = words(estimate)
    assert "mean (percentage points)" in text
    assert "sender: Poland\n−12.0\n[−14.9, −9.2]\n" in text
    assert "Identification: before-after." in text
    found = bars(estimate)
    assert len(found) == len(estimate)
    assert all(a < b < c for a, b, c in found)
    means = estimate.draws.mean(("chain", "draw")).values
    assert [b for _, b, _ in found] == sorted([b for _, b, _ in found], key=[b for _, b, _ in found].index)
    np.testing.assert_array_equal(np.argsort([b for _, b, _ in found]), np.argsort(means))
    assert repr(estimate).splitlines()[0].startswith("<Estimate shift: 4 rows, percentage points, before-after; passed")


def test_an_estimate_that_failed_or_is_no_number_says_so():
    estimate = example_estimate("gap")
    draws = estimate.draws.copy()
    draws.values[0, 0, 0] = np.nan
    bad = replace(estimate, draws=draws, status="failed: a draw is not finite")
    assert "✗ GATES FAILED, do not report: a draw is not finite." in words(bad)
    assert "not available\n–\n" in words(bad)
    assert "GATES FAILED" in repr(bad)
    assert len(bars(bad)) == len(bad) - 1


def test_long_estimates_are_cut_and_say_so():
    estimate = example_estimate()
    many = estimate.rows(np.arange(4).repeat(30))
    assert "… and 80 more rows" in words(many)
    assert "… 114 more rows" in repr(many)
    assert len(repr(many).splitlines()) == 8


def test_a_simulated_survey_shows_its_truth(made):
    text = words(made)
    assert text.count("SIMULATED DATA") == 1
    assert "shift_us2025[sender]\n−1.10\n" in text
    assert "Survey of 60,780 answers" in text
    assert repr(made).startswith("<Simulated retrenchment_simulated")


def test_every_text_from_outside_is_escaped(made, fit):
    spec = replace(fit.spec, title=BAD, question=BAD, names=(("US", BAD), ("DE", BAD), ("PL", BAD)))
    values = [
        spec,
        replace(fit, spec=spec),
        replace(example_estimate(), spec=replace(example_estimate().spec, names=spec.names), notes=(BAD,), status=BAD),
        replace(made.survey, report=replace(made.survey.report, source=BAD), top=(BAD,)),
    ]
    for value in values:
        assert "<script" not in value._repr_html_()
    assert BAD in words(spec)


def test_cards_are_quick(made, fit, toplines):
    for value in (made, made.survey, fit.cells, fit.spec, fit, example_estimate(), toplines):
        value._repr_html_()
        start = time.process_time()
        value._repr_html_()
        repr(value)
        assert time.process_time() - start < 0.5
