"""Whatever comes to the doors: every row is accounted for, order is the declared one, or an error of ours is raised."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alliancecred.errors import DataError, DataWarning, IdentificationWarning
from alliancecred.labels import look_key
from alliancecred.sources import Roles, count_range
from alliancecred.survey import read_counts, read_survey
from alliancecred.toplines import read_toplines

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
ROLES = Roles(country="c", ally="a", answer="q")


def quiet(door, *args, **options):
    """Return what the door gives; only warnings of ours may be heard."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for category in (DataWarning, IdentificationWarning):
            warnings.simplefilter("ignore", category)
        return door(*args, **options)


def tried(door, *args, **options):
    """Return what the door gives, or the error of ours that it raises."""
    try:
        return quiet(door, *args, **options)
    except DataError as error:
        return error


def accounted(value):
    """Say whether every row is accounted for, or every problem of an error can be shown."""
    if isinstance(value, DataError):
        return bool(value.problems) and all(p.message and len(p.rows) <= 5 for p in value.problems)
    report = value.report
    return report.total("read") == report.total("used") + report.total("excluded")


def distinct(labels):
    return len({look_key(x) for x in labels}) == len(labels) and all(look_key(x) for x in labels)


words = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=6)
labels = st.lists(words, min_size=2, max_size=5, unique=True).filter(distinct)
anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), words, st.binary(max_size=2), st.dates(), st.datetimes(),
    st.lists(st.integers(), max_size=2), st.decimals(allow_nan=False),
)  # fmt: skip


@st.composite
def surveys(draw):
    answers = draw(labels)
    missing = draw(st.sampled_from([(), ("zz missing",)]))
    n = draw(st.integers(1, 25))
    column = st.lists(st.sampled_from([*answers, *missing, None, ""]), min_size=n, max_size=n)
    who = st.lists(st.sampled_from(["PL", "DE", None, "US"]), min_size=n, max_size=n)
    frame = pd.DataFrame({"c": draw(who), "a": draw(who), "q": draw(column)}, dtype=object)
    return frame, tuple(answers), missing


@FEW
@given(surveys())
def test_rows_and_codes_against_a_plain_loop(case):
    frame, answers, missing = case
    expected = [
        (c, a, answers.index(q))
        for c, a, q in zip(*(frame[k] for k in "caq"), strict=True)
        if c and a and q and q not in missing
    ]
    survey = tried(read_survey, frame, roles=ROLES, answers=answers, top=answers[-1:], missing=missing)
    assert accounted(survey)
    if isinstance(survey, DataError):
        assert not expected or not frame["q"].isin(answers).any()
        return
    table, report = survey.table, survey.report
    assert list(zip(table["country"], table["ally"], table["answer"], strict=True)) == expected
    assert (report.total("read"), report.total("used")) == (len(frame), len(expected))


@FEW
@given(surveys())
def test_source_and_order_of_rows_do_not_matter(case):
    frame, answers, missing = case
    options = {"roles": ROLES, "answers": answers, "top": answers[-1:], "missing": missing}
    survey = tried(read_survey, frame, **options)
    if isinstance(survey, DataError):
        for other in (frame.astype("category"), frame[::-1]):
            assert type(tried(read_survey, other, **options)) is type(survey)
        return
    polars = pl.DataFrame(frame.to_dict("list"), schema=dict.fromkeys("caq", pl.String))
    for other in (frame.astype("category"), polars):
        pd.testing.assert_frame_equal(quiet(read_survey, other, **options).table, survey.table)
    backwards = quiet(read_survey, frame[::-1], **options).table
    pd.testing.assert_frame_equal(backwards[::-1].reset_index(drop=True), survey.table)


@FEW
@given(
    st.dictionaries(st.sampled_from(["c", "a", "q", "n", "i", "x"]), st.lists(anything, min_size=4, max_size=4)),
    st.lists(words, max_size=3),
)
def test_rubbish_gives_a_survey_or_an_error_of_ours(columns, answers):
    frame = pd.DataFrame({k: pd.Series(v, dtype=object) for k, v in columns.items()})
    before = frame.copy(deep=True)
    roles = Roles(country="c", ally="a", answer="q", count="n", respondent="i")
    assert accounted(tried(read_survey, frame, roles=roles, answers=tuple(answers), top=tuple(answers[:1])))
    pd.testing.assert_frame_equal(frame, before)


@FEW
@given(st.lists(st.tuples(*[st.integers(0, 50)] * 3), min_size=1, max_size=8))
def test_counts_are_all_there(rows):
    frame = pd.DataFrame(rows, columns=["low", "mid", "high"]).assign(c=[f"c{i}" for i in range(len(rows))])
    counts = {"mid": "mid", "low": "low", "high": "high"}
    survey = tried(read_counts, frame, roles=Roles(country="c"), counts=counts, top=("high",))
    assert accounted(survey)
    if isinstance(survey, DataError):
        assert not frame[["low", "mid", "high"]].to_numpy().any()
        return
    back = survey.table.pivot_table(index="country", columns="answer", values="count", aggfunc="sum", fill_value=0)
    wanted = frame.set_index("c")[list(counts)]
    wanted = wanted[wanted.sum(axis=1) > 0].rename_axis("country").sort_index()
    for k, answer in enumerate(counts):
        assert (back[k].tolist() if k in back else [0] * len(wanted)) == wanted[answer].tolist()


@st.composite
def polls(draw):
    """Counts of a poll with K answers, and the whole per cents it would publish."""
    counts = draw(st.lists(st.integers(0, 400), min_size=2, max_size=5).filter(lambda c: sum(c) > 0))
    n = sum(counts)
    published = draw(st.integers(1, len(counts)))
    return counts, n, [float(np.floor(100 * c / n + 0.5)) for c in counts][:published]


@FEW
@given(polls())
def test_a_true_poll_always_passes_and_its_bounds_hold_the_truth(case):
    counts, n, pct = case
    answers = tuple(f"answer {k}" for k in range(len(counts)))
    frame = pd.DataFrame({"country": "DE", "answer": answers[: len(pct)], "pct": pct, "n": n})
    constants = {"ally": "US", "wave": "w", "precision": "integer", "n_kind": "exact"}
    (line,) = quiet(read_toplines, frame, answers=answers, top=answers[-1:], constants=constants).rows
    assert sorted(code for group in line.groups for code in group) == list(range(len(counts)))
    for group, low, high in zip(line.groups, line.lower, line.upper, strict=False):
        fewest, most = count_range(low, high, n)
        assert fewest <= sum(counts[k] for k in group) <= most
        assert all(abs(100 * k / n - pct[group[0]]) <= 0.5 + 1e-9 for k in (fewest, most))


@FEW
@given(st.floats(1, 5000), st.floats(0.05, 1000))
def test_an_average_n_gives_weights_on_positive_whole_numbers(mean, spread):
    frame = pd.DataFrame({"country": ["DE"], "lower": [0], "upper": [100], "n": [mean], "n_spread": [spread]})
    constants = {"ally": "US", "wave": "w", "precision": "verbal", "n_kind": "average", "answer": "top"}
    (line,) = quiet(read_toplines, frame, answers=("no", "yes"), top=("yes",), constants=constants).rows
    assert line.n.dtype == np.int64
    assert 1 <= len(line.n) <= 15
    assert line.n.min() > 0
    assert (np.diff(line.n) > 0).all()
    assert (line.n_weight > 0).all()
    assert abs(line.n_weight.sum() - 1) < 1e-12
    assert abs(line.n - mean).max() <= max(3 * spread, 1)


@FEW
@given(
    st.lists(
        st.fixed_dictionaries(
            {"country": st.sampled_from(["DE", "PL", None])},
            optional={k: anything for k in ("answer", "pct", "precision", "lower", "upper", "n", "n_kind", "source")},
        ),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_rubbish_gives_toplines_or_an_error_of_ours(rows):
    frame = pd.DataFrame([{"ally": "US", "wave": "w", "answer": "top", "pct": 45, "precision": "integer", "n": 100,
                           "n_kind": "exact"} | row for row in rows], dtype=object)  # fmt: skip
    assert accounted(tried(read_toplines, frame, answers=("no", "yes"), top=("yes",)))
