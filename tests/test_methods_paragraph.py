"""What a paper says about an analysis: its mathematics and its methods paragraph, held against the analysis itself."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_report import contents_of

import alliancecred as ac
from alliancecred.declared import Attribute
from alliancecred.design import draft_design
from alliancecred.gates import Diagnosis
from alliancecred.priors import Flat, HalfNormal, LogNormal, Normal
from alliancecred.report import methods
from alliancecred.report.equations import align, latex, likelihood, mathml, named, parts
from alliancecred.report.literature import method_references
from alliancecred.report.paragraph import methods_paragraph
from alliancecred.report.sample import sample_words
from alliancecred.spec_file import as_spec, shipped_models
from alliancecred.terms import Level, Respondent, Shift, Trend
from alliancecred.wording import data_words

NASTY = ("<script>alert(1)</script>", r"\input{/etc/passwd}", "$x^2$", "a_b & 50 % {c}", "~^#\\", "\x1b[31m", "משפט")
LEVELS = {f: ("x", "y") for f in ("country", "ally", "target", "population")} | {"wave": ("v", "w")}


def drafted(spec):
    waves = tuple(w.name for w in spec.waves) or ("w",)
    more = {d.name: d.levels or ("x", "y") for d in spec.declared.values()}
    return draft_design(spec, LEVELS | {"wave": waves} | more)


@pytest.fixture(scope="module")
def contents():
    return contents_of("microcode_2025")


# --- mathematics --------------------------------------------------------------------------------
@pytest.mark.parametrize("name", shipped_models())
def test_every_summand_has_a_symbol_of_its_own_and_every_prior_its_numbers(name):
    design = drafted(as_spec(name))
    made = parts(design)
    symbols = [p.symbol for p in made if p.symbol]
    assert len(set(symbols)) == len(symbols)
    text = align(design, published="Binomial")
    for prior in [*(c.prior for c in design.coefficients if c.variable != "drift"), *(b.scale for b in design.pooled)]:
        match prior:
            case Normal(mean=mean, sd=sd):
                assert rf"\operatorname{{Normal}}({mean:g},\ {sd:g}^2)" in text
            case HalfNormal(sd=sd):
                assert rf"\operatorname{{Normal}}^{{+}}(0,\ {sd:g}^2)" in text
            case LogNormal(median=median, sd=sd):
                assert rf"\operatorname{{LogNormal}}(\log {median:g},\ {sd:g}^2)" in text
            case Flat():
                assert r"\operatorname{Flat}" in text
    # a scale for each pooled block, counting those of several roles at once as often as they are declared
    pooled = [t for t in design.spec.terms if getattr(t, "by", ()) and t.tag != "cuts"]
    assert text.count(r"^{+}(0,") >= len(pooled)


@pytest.mark.parametrize("name", shipped_models())
def test_every_formula_is_well_formed(name):
    design = drafted(as_spec(name))
    formulas = [
        *likelihood(design, published="Binomial"),
        *(x for p in parts(design) for x in (p.symbol, *p.priors) if x),
    ]
    for formula in formulas:
        root = ElementTree.fromstring(mathml(formula))
        assert "merror" not in {e.tag.rpartition("}")[2] for e in root.iter()}
        assert "\\" not in "".join(root.itertext()), formula
        written = latex(formula)
        assert written.count("{") == written.count("}")
    assert align(design).count(r"\begin{align*}") == align(design).count(r"\end{align*}") == 1


@pytest.mark.parametrize("text", NASTY)
def test_a_name_is_text_in_both(text):
    shown = "".join(c for c in text if c.isprintable())
    assert "".join(ElementTree.fromstring(mathml(named(text))).itertext()) == shown
    written = latex(named(text))
    assert written.startswith(r"\text{")
    inside = written[len(r"\text{") : -1]
    plain = re.sub(r"\\textbackslash\{\}|\\textasciicircum\{\}|\\textasciitilde\{\}|\\[{}$&#%_]", "", inside)
    assert not re.search(r"[\\{}$&#%_^~]", plain), written


def test_the_likelihood_is_that_of_the_family():
    binary, ordinal = drafted(as_spec("panel_simulated")), drafted(as_spec("retrenchment_simulated"))
    assert "kappa" not in "".join(likelihood(binary))
    assert rf"\quad k = 1, \dots, {len(ordinal.spec.answers) - 1}" in "".join(likelihood(ordinal))
    assert "kappa_{k c}" in "".join(likelihood(drafted(as_spec("world_values_cuts_by_country"))))
    assert r"\eta_{1} - \eta_{2}" in "".join(likelihood(drafted(as_spec("conjoint_immigration_choice"))))
    assert r"\operatorname{Beta}" in "".join(likelihood(drafted(as_spec("slider_simulated"))))
    assert "Binomial" in "".join(likelihood(binary, published="Binomial"))
    assert "Binomial" not in "".join(likelihood(binary))


def test_blocks_of_several_roles_have_a_scale_for_each():
    spec = as_spec("retrenchment_simulated")
    apart, shared, single = (
        align(drafted(replace(spec, terms=(Shift("us2025", ("country",), **how),))))
        for how in ({}, {"together": True}, {"roles": ("sender",)})
    )
    assert r"}_{r c}" in apart
    assert r"}_{r c}" not in shared + single
    blocks = drafted(replace(spec, terms=(Shift("us2025", ("country",)),))).pooled
    assert len(blocks) == 3  # which one line with r stands for


def test_a_gap_is_that_of_its_population_and_a_signal_begins_after_its_date():
    spec = as_spec("retrenchment_simulated")
    text = align(drafted(spec))
    gaps = [p.symbol for p in parts(drafted(spec)) if r"\gamma" in p.symbol]
    assert len(gaps) == sum(t.tag == "gap" for t in spec.terms) > 1
    assert all(named("elite") in g and "[g = " in g for g in gaps)
    assert r"[w \text{ begins after } \text{2025-03-03}]" in text
    assert r"[c \in" not in text
    some = replace(spec, signals=(replace(spec.signals[0], countries=("PL", "DE")),))
    assert r"[c \in \text{us2025}]" in align(drafted(some))
    assert r"\sum_k \kappa_k = 0" in text


def test_overdispersed_shares_are_not_said_to_be_binomial(contents):
    assert "BetaBinomial" not in methods.model(contents)
    cells = replace(contents.fit.cells, overdispersion=np.full(len(contents.fit.cells.toplines), 0.002))
    assert "BetaBinomial" in methods.model(replace(contents, fit=replace(contents.fit, cells=cells)))


def test_choices_have_no_intercept():
    assert r"\alpha" not in align(drafted(as_spec("conjoint_immigration_choice")))
    assert r"\alpha" in align(drafted(as_spec("conjoint_immigration")))


# --- the paragraph ------------------------------------------------------------------------------
def test_the_paragraph_says_what_was_done(contents):
    text = methods_paragraph(contents.fit, contents.estimates, predictive=contents.ppc)
    table, attrs = contents.fit.diagnosis.table, contents.fit.idata.attrs
    for said in (
        "Question: Share that believe the US would (likely) defend Latvia",
        "Answers, in order: “does not believe”, “believes”; shares reported are of “believes”.",
        f"The data are {data_words(contents.fit.cells)}, from 6 countries (Canada, Germany, Poland, United Kingdom, ",
        ") in 2 waves (2025-01 to 2025-03).",
        "Signal: us2025 (United States, aid, retrenchment, 2025-03-03: Washington stops its military and intelligence",
        "Averaging: equal weights over 4 countries (Poland, Germany, United Kingdom, Canada).",
        "None of the 12 rows read was excluded",
        "multilevel logistic regression",
        "partially pooled levels by country; shifts with us2025 by country (sender).",
        "normal (mean 0, sd 1.5; 95 % of effects at 50 % from −45.0 to 45.0 points) for the intercept and shifts",
        f"after {attrs['tuning_steps']} tuning steps",
        f"random seed {attrs['random_seed']}",
        f"the largest R-hat of any parameter was {table['r_hat'].max():.3f}",
        "identification: descriptive and before-after",
        f"of {len(contents.ppc)} observed values",
        contents.spec.digest[:12],
    ):
        assert said in text, said
    assert "Power scaling" not in text  # it was not done
    assert "locked" not in text
    assert "\n" not in text


def test_terms_about_nobody_are_not_said_to_be_in_the_model(contents):
    design = drafted(as_spec("retrenchment_simulated"))
    text = methods_paragraph(replace(contents.fit, design=design))
    assert "contrast self_rating" in text
    assert "country (sender), country (self), ally (other) and country × ally (other)" in text
    left = replace(
        design,
        coefficients=tuple(c for c in design.coefficients if c.variable != "fixed_self_rating"),
        pooled=tuple(b for b in design.pooled if b.carrier.roles != ("self",)),
    )
    text = methods_paragraph(replace(contents.fit, design=left))
    assert "self_rating" not in text
    assert "shifts with us2025 by country (sender), ally (other) and country × ally (other)" in text


def test_labels_from_outside_leave_the_paragraph_one_line_of_text_that_can_be_seen(contents):
    spec = replace(contents.fit.spec, names=(("PL", "Po\nland\x1b[31m\u202e"),), question="two\r\nlines?")
    text = methods_paragraph(replace(contents.fit, spec=spec))
    assert "Question: two lines? Answers" in text
    assert text.isprintable()


def test_terms_of_all_and_of_groups_stand_beside_each_other(contents):
    terms = (Level(("country",)), Level(("ally",)), Trend(), Trend(("ally",)), Trend(("country",)))
    spec = replace(as_spec("retrenchment_simulated"), terms=terms, signals=())
    text = methods_paragraph(replace(contents.fit, design=drafted(spec)))
    walks = "random walks over the waves; random walks over the waves by ally and country"
    assert f"partially pooled levels by country and ally; {walks}." in text


def test_arms_populations_and_people_who_answer_twice_are_counted(contents):
    truth = ac.simulate("retrenchment_simulated", random_seed=1).truth
    cells = truth.cells
    n = cells.counts.sum(1)
    public = int(n[cells.labels()["population"] == "public"].sum())
    report = replace(
        cells.reports[0],
        lines=(*cells.reports[0].lines, ac.sources.ReportLine("noted", 30, "rows of 9 respondents with several rows")),
    )
    arms = Attribute("country", ("PL", "DE"), "PL")  # any factor of the cells
    spec = replace(truth.spec, attributes=(arms,))
    fit = replace(
        truth,
        spec=spec,
        cells=replace(cells, reports=(report,)),
        idata=contents.fit.idata,
        diagnosis=contents.fit.diagnosis,
    )
    text = sample_words(fit)
    assert f", of public ({public:,}) and members of parliament ({int(n.sum()) - public:,})." in text
    count = {c: int(n[cells.labels()["country"] == c].sum()) for c in ("PL", "DE")}
    assert f"Assigned at random: country (Poland ({count['PL']:,}), Germany ({count['DE']:,}))." in text
    assert "30 rows of 9 respondents with several rows were treated as independent." in text
    chosen = replace(fit, spec=replace(spec, forced_choice=True))
    assert "Assigned at random, profiles shown: country (" in sample_words(chosen)
    assert ", of public and members of parliament." in sample_words(chosen)  # profiles are twice as many as choices
    joint = replace(spec, terms=(*spec.terms, Respondent()))
    assert "treated as independent" not in sample_words(replace(fit, spec=joint))


def test_what_declares_no_interest_and_over_whom_is_averaged_is_said(contents):
    some = replace(contents.estimates[1], smallest=3.0, averaged="equal weights; poststratified over the census")
    text = methods_paragraph(contents.fit, [some])
    assert "Differences smaller than 3 were declared to be of no interest." in text
    assert "Averaging: equal weights; poststratified over the census." in text


def test_what_was_excluded_is_counted_and_named(contents):
    lines = (*contents.fit.cells.reports[0].lines, ac.sources.ReportLine("excluded", 3, "ally is empty"))
    report = replace(contents.fit.cells.reports[0], lines=lines)
    fit = replace(contents.fit, cells=replace(contents.fit.cells, reports=(report,)))
    assert "Of 12 rows read, 3 were excluded (ally is empty: 3)." in methods_paragraph(fit)


def test_weighted_answers_are_counted_as_people_and_said_to_be_weighted(contents):
    truth = ac.simulate("retrenchment_simulated", random_seed=1).truth
    halved = replace(truth.cells, counts=truth.cells.counts * 0.5, unweighted=truth.cells.counts)
    asked, scaled = int(truth.cells.counts.sum()), truth.cells.counts.sum() / 2
    tree = contents.fit.idata
    fit = replace(truth, cells=halved, idata=tree, diagnosis=contents.fit.diagnosis)
    text = methods_paragraph(fit)
    assert f"The data are {asked:,} answers in 84 cells, weighted to an effective size of {scaled:,.0f}, from" in text
    assert "Counts were scaled to effective sizes by the survey weights (a pseudo-posterior)." in text
    assert f"({asked:,} answers)" in repr(fit)
    assert "survey weights" not in methods_paragraph(contents.fit)


def test_the_predictive_check_counts_what_lies_outside(contents):
    frame = contents.ppc.assign(rank=np.r_[0.0, 0.024, 0.976, 1.0, np.full(len(contents.ppc) - 4, 0.5)])
    assert f"4 of {len(frame)} observed values fell outside" in methods_paragraph(contents.fit, predictive=frame)


def test_reliance_counts_the_estimates_that_priors_move(contents):
    frame = pd.DataFrame(
        {
            "component": ["likelihood", "all priors", "likelihood", "all priors", "sd_level_country"],
            "sensitivity": [0.9, 0.06, 0.9, 0.04, 0.8],
        }
    )
    said = methods_paragraph(contents.fit, reliance=frame)
    assert "Power scaling of the priors moved 1 of 2 estimates by more than 0.05 per doubling (largest 0.06)." in said


def test_a_lock_is_named_with_how_much_was_done_otherwise(contents, tmp_path):
    locked = ac.lock("microcode_2025", tmp_path / "lock.json")
    same = replace(contents.fit, spec=locked.spec)
    assert "and followed without deviations." in methods_paragraph(same, locked=locked)
    other = replace(contents.fit, spec=replace(locked.spec, intercept=Normal(0.0, 2.0)))
    assert "and followed with 1 deviation, listed." in methods_paragraph(other, locked=locked)


def test_simulated_and_failed_come_first(contents):
    failed = replace(contents.fit.diagnosis, problems=("R-hat of everything",))
    assert isinstance(failed, Diagnosis)
    spec = replace(contents.fit.spec, sources=as_spec("retrenchment_simulated").sources)
    text = methods_paragraph(replace(contents.fit, spec=spec, diagnosis=failed))
    assert text.startswith("SIMULATED DATA: no respondent exists. DO NOT REPORT: failed: R-hat of everything.")


def test_references_are_those_of_the_methods_that_were_used(contents):
    nuts = " ".join(method_references(contents.fit, reliance=False))
    assert "no-U-turn" in nuts
    assert "Laplace" not in nuts
    assert "power-scaling" not in nuts
    tree = contents.fit.idata.copy()
    tree.attrs = {**contents.fit.idata.attrs, "method": "laplace"}
    other = " ".join(method_references(replace(contents.fit, idata=tree), reliance=True))
    assert "no-U-turn" not in other
    assert "Laplace" in other
    assert "power-scaling" in other
