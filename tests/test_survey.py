"""The door for answers: what passes keeps its order and its rows, what is wrong is refused by name."""

import datetime as dt
import gzip
import re
import unicodedata
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyreadstat
import pytest
from bad_inputs import numbered

from alliancecred.errors import (
    DataError,
    DataWarning,
    IdentificationWarning,
    LevelError,
    OutcomeError,
    PanelError,
    SchemaError,
    WeightError,
    listening,
)
from alliancecred.sources import Roles
from alliancecred.survey import read_counts, read_survey

SHARED = Path(__file__).parents[2] / "shared"
ROLES = Roles(country="country", ally="ally", wave="wave", answer="answer", population="who")
SCALE = ("Not at all", "A little", "Somewhat", "Very")


def people(**changes):
    """A clean table of eight rows; a change of ``None`` drops the column."""
    frame = {
        "country": ["PL", "PL", "PL", "PL", "DE", "DE", "DE", "DE"],
        "ally": ["US", "UK"] * 4,
        "wave": ["w1", "w1", "w2", "w2"] * 2,
        "answer": ["Very", "A little", "Not at all", "Somewhat", "Somewhat", "Very", "A little", "Not at all"],
        "who": ["public", "public", "elite", "elite"] * 2,
    }
    return pd.DataFrame({k: v for k, v in (frame | changes).items() if v is not None})


def read(source=None, roles=ROLES, answers=SCALE, top=SCALE[2:], **options):
    return read_survey(people() if source is None else source, roles=roles, answers=answers, top=top, **options)


def quiet(*args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(*args, **options)


def binary(values, **options):
    frame = pd.DataFrame({"country": ["PL", "DE"] * (len(values) // 2), "answer": values})
    roles = Roles(country="country", answer="answer")
    return read(frame, roles, options.pop("answers", ("no", "yes")), options.pop("top", ("yes",)), **options)


def balanced(report):
    return report.total("read") == report.total("used") + report.total("excluded")


# --- what passes --------------------------------------------------------------------------------
def test_answers_keep_the_declared_order_not_the_alphabet():
    survey = read()
    assert survey.table["answer"].tolist() == [3, 1, 0, 2, 2, 3, 1, 0]
    assert survey.answers == SCALE


def test_every_cell_of_the_value_by_hand():
    answer = ["Very", None, "Not at all", "", "Somewhat", "Very", "DK", "Not at all"]
    table = quiet(people(answer=answer), missing=("DK",)).table
    assert table.columns.tolist() == [
        "country", "ally", "target", "wave", "population", "answer", "count", "respondent",
    ]  # fmt: skip
    assert table["country"].tolist() == ["PL", "PL", "DE", "DE", "DE"]
    assert table["ally"].tolist() == ["US", "US", "US", "UK", "UK"]
    assert table["wave"].tolist() == ["w1", "w2", "w1", "w1", "w2"]
    assert table["population"].tolist() == ["public", "elite", "public", "public", "elite"]
    assert table["answer"].tolist() == [3, 0, 2, 3, 0]
    assert set(table["target"]) == set(table["respondent"]) == {""}
    assert table["count"].tolist() == [1] * 5
    assert [table[c].dtype for c in ("answer", "count")] == [np.int64, np.int64]
    assert all(type(v) is str for c in ("country", "ally", "target", "wave", "population") for v in table[c])


@pytest.mark.bad(25, 42)
def test_no_row_disappears_without_a_line():
    frame = people(
        country=["PL", None, "PL", "", "DE", "DE", "DE", " "],
        answer=["Very", "A little", np.nan, "Refused", "Somewhat", "Refused", "98", "Not at all"],
    )
    report = quiet(frame, missing=("Refused", "98")).report
    assert [(x.action, x.count, x.what) for x in report.lines[:6]] == [
        ("read", 8, "rows"),
        ("excluded", 3, "country is empty"),
        ("excluded", 1, "answer is empty"),
        ("excluded", 1, "answer 'Refused': declared missing"),
        ("excluded", 1, "answer '98': declared missing"),
        ("used", 2, "rows (2 answers)"),
    ]
    assert balanced(report)
    assert "DE 66.7%, PL 50.0%" in str(report)


def test_constants_and_defaults_fill_roles_without_a_column():
    survey = binary(["yes", "no", "no", "yes"], constants={"ally": "US"})
    assert set(survey.table["ally"]) == {"US"}
    assert set(survey.table["population"]) == {"public"}
    assert set(survey.table["wave"]) == set(survey.table["target"]) == {""}


def test_missing_labels_concern_answers_only():
    frame = people(country=["NA", "NA", "NA", "NA", "DE", "DE", "DE", "DE"], answer=["NA", *people()["answer"][1:]])
    with pytest.warns(DataWarning, match="country: 'NA' is declared missing for answers, and kept"):
        survey = read(frame, missing=("NA",))
    assert survey.table["country"].tolist().count("NA") == 3


def test_counts_of_people():
    frame = pd.DataFrame({"country": ["PL", "PL", "DE", "DE"], "answer": ["no", "yes", "no", "yes"], "n": [3, 0, 2, 5]})
    with pytest.warns(IdentificationWarning, match="0 % credible answers in 'PL'"):
        survey = read(frame, Roles(country="country", answer="answer", count="n"), ("no", "yes"), ("yes",))
    assert survey.table["count"].tolist() == [3, 2, 5]
    assert "excluded         1  count is 0" in str(survey.report)
    assert "rows (10 answers)" in str(survey.report)
    assert balanced(survey.report)


def test_the_callers_frame_is_not_touched():
    frame = people(answer=["Very", None, "Not at all", "Somewhat", "Somewhat", "Very", "A little", "Not at all"])
    before = frame.copy(deep=True)
    survey = read(frame)
    survey.table.loc[:, "country"] = "changed"
    pd.testing.assert_frame_equal(frame, before)


def test_several_problems_are_raised_at_once():
    frame = people(ally=["US", "us "] * 4, answer=["Very", "Perhaps"] * 4)
    with pytest.raises(DataError) as caught:
        read(frame, Roles(country="contry", ally="ally", answer="answer", weight="who"), top=("Often",))
    kinds = [p.kind for p in caught.value.problems]
    assert type(caught.value) is DataError
    assert set(kinds) == {"schema", "level", "outcome", "weight"}
    text = str(caught.value)
    for part in (
        "did you mean 'country'?",
        "look the same",
        "'Perhaps'",
        "['Often']",
        "weights are no number: 'public'",
    ):
        assert part in text


def test_rows_of_a_problem_are_positions_at_most_five():
    with pytest.raises(OutcomeError) as caught:
        read(people(answer=["Very", *["Perhaps"] * 7]))
    assert caught.value.problems[0].rows == (1, 2, 3, 4, 5)


# --- sources ------------------------------------------------------------------------------------
FRAMES = {
    "pandas": lambda f: f,
    "object": lambda f: f.astype(object),
    "string-pyarrow": lambda f: f.astype("string[pyarrow]"),
    "string-python": lambda f: f.astype("string[python]"),
    "category": lambda f: f.astype("category"),
    "polars": pl.from_pandas,
    "polars-categorical": lambda f: pl.from_pandas(f).with_columns(pl.all().cast(pl.Categorical)),
    "pyarrow": pa.Table.from_pandas,
    "pyarrow-dictionary": lambda f: pa.Table.from_pandas(f.astype("category")),
}


@pytest.mark.bad(5)
@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_every_frame_gives_the_same_survey(make):
    frame = people(answer=["Very", None, "Not at all", "Somewhat", "Somewhat", "Very", "A little", "Not at all"])
    pd.testing.assert_frame_equal(read(make(frame)).table, read(frame).table)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_files_give_the_same_survey(tmp_path, ending):
    frame = people(
        answer=["None", "NA", "nan", "", "", "null", "NA", "None"],
        country=["NA", "NA", "a,b\nc", 'q"u', "N/A", "N/A", "NA", "NA"],
    )
    path = tmp_path / f"waves{ending}"
    frame.to_parquet(path) if ending == ".parquet" else frame.to_csv(path, index=False)
    survey = quiet(path, answers=("None", "NA", "nan", "null"), top=("null",))
    assert survey.table["answer"].tolist() == [0, 1, 2, 3, 1, 0]
    assert survey.table["country"].tolist() == ["NA", "NA", "a,b\nc", "N/A", "NA", "NA"]
    assert survey.report.source == path.name
    assert "excluded         2  answer is empty" in str(survey.report)


def labelled(path, **options):
    frame = pd.DataFrame({"cntry": [1.0, 1, 2, 2, 2, 1], "q": [1.0, 2, 3, 9, np.nan, 2]})
    labels = {"cntry": {1: "PL", 2: "DE"}, "q": {1: "very unlikely", 3: "very likely", 9: "Refused"}}
    pyreadstat.write_sav(frame, str(path), variable_value_labels=labels, **options)
    return path


def test_spss_labels_in_the_declared_order_with_codes_between(tmp_path):
    path = labelled(tmp_path / "w.sav", missing_ranges={"q": [{"lo": 9, "hi": 9}]})
    survey = quiet(path, Roles(country="cntry", answer="q"), ("very unlikely", "2", "very likely"), ("very likely",))
    assert survey.table["answer"].tolist() == [0, 1, 2, 1]
    assert survey.table["country"].tolist() == ["PL", "PL", "DE", "PL"]
    assert "excluded         1  answer 'Refused': missing in the file" in str(survey.report)
    assert "excluded         1  answer is empty" in str(survey.report)
    assert balanced(survey.report)


def test_spss_code_that_is_not_declared_missing_is_refused(tmp_path):
    with pytest.raises(OutcomeError, match=r"'Refused'.*declare missing=\('Refused',\)"):
        read(
            labelled(tmp_path / "w.sav"), Roles(country="cntry", answer="q"),
            ("very unlikely", "2", "very likely"), ("very likely",),
        )  # fmt: skip


def test_numeric_codes_go_before_value_labels(tmp_path):
    path = labelled(tmp_path / "w.sav", missing_ranges={"q": [{"lo": 8, "hi": 9}]})
    survey = quiet(
        path, Roles(country="cntry", answer="q"), ("low", "mid", "high"), ("high",),
        numeric_codes={1: "low", 2: "mid", 3: "high"},
    )  # fmt: skip
    assert survey.table["answer"].tolist() == [0, 1, 2, 1]


def test_stata_extended_missing_values_are_reported(tmp_path):
    frame = pd.DataFrame({"cntry": ["PL", "PL", "DE", "DE"], "q": [1, 2, 2, "a"]})
    path = tmp_path / "w.dta"
    pyreadstat.write_dta(
        frame, str(path), missing_user_values={"q": ["a"]}, variable_value_labels={"q": {1: "no", 2: "yes", "a": "DK"}}
    )
    survey = quiet(path, Roles(country="cntry", answer="q"), ("no", "yes"), ("yes",))
    assert survey.table["answer"].tolist() == [0, 1, 1]
    assert "excluded         1  answer 'DK': missing in the file" in str(survey.report)


def test_counts_and_ids_that_the_file_declares_missing(tmp_path):
    frame = pd.DataFrame({"c": ["PL", "PL", "DE", "DE"], "q": ["no", "yes"] * 2})
    frame = frame.assign(n=[1.0, 2, 3, 99], i=[1.0, 2, 99, 99])
    path = tmp_path / "w.sav"
    missing = [{"lo": 99, "hi": 99}]
    pyreadstat.write_sav(frame, str(path), missing_ranges={"n": missing, "i": missing})
    with pytest.raises(OutcomeError, match="1 counts are no number"):
        read(path, Roles(country="c", answer="q", count="n"), ("no", "yes"), ("yes",))
    survey = read(path, Roles(country="c", answer="q", respondent="i"), ("no", "yes"), ("yes",))
    assert survey.table["respondent"].tolist() == ["1", "2", "", ""]


def test_two_codes_with_one_label_are_refused(tmp_path):
    frame = pd.DataFrame({"c": ["PL", "DE", "PL"], "q": [1.0, 2.0, 3.0]})
    path = tmp_path / "w.sav"
    pyreadstat.write_sav(frame, str(path), variable_value_labels={"q": {1: "no", 2: "yes", 3: "yes"}})
    with pytest.raises(LevelError, match=r"codes \['2', '3'\] share the label 'yes'"):
        read(path, Roles(country="c", answer="q"), ("no", "yes"), ("yes",))


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "a.csv").write_text("country,answer\nPL,yes,extra\n")
    (tmp_path / "b.csv").write_bytes("country,answer\nPL,häufig\n".encode("latin-1"))
    (tmp_path / "c.sav").write_bytes(b"no sav")
    (tmp_path / "d.csv").write_text("")
    (tmp_path / "e.csv").write_text("country;answer\nPL;yes\n")
    (tmp_path / "f.parquet").write_bytes(b"PAR1")
    (tmp_path / "g.csv").write_text("country,answer,country\nPL,yes,DE\n")
    (tmp_path / "h.csv.gz").write_bytes(gzip.compress(b"country,answer\n"))
    roles = Roles(country="country", answer="answer")
    expected = {
        "a.csv": "cannot be read", "b.csv": "UTF-8", "c.sav": "cannot be read", "d.csv": "0 rows",
        "e.csv": "separate the values by commas", "f.parquet": "cannot be read", "g.csv": "duplicate column",
        "h.csv.gz": "0 rows", "none.csv": "no such file", "x.xlsx": "ending is not one of",
    }  # fmt: skip
    for name, message in expected.items():
        with pytest.raises(SchemaError, match=message):
            read(tmp_path / name, roles, ("no", "yes"), ("yes",))


# --- bad inputs, by the number of the list ------------------------------------------------------
E_ACUTE = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")
DAY = pd.to_datetime(["2025-01-01", "2025-02-01"] * 4)
ORDERED = pd.CategoricalDtype(["Very", "Somewhat", "A little", "Not at all"], ordered=True)
BAD = [
    ("01-empty-table", lambda: read(people().head(0)), SchemaError, "0 rows"),
    ("02-missing-column", lambda: read(people().rename(columns={"ally": "alli"})), SchemaError, "did you mean 'alli'"),
    ("03-duplicate-columns", lambda: read(pd.concat([people(), people()[["ally"]]], axis=1)), SchemaError, "duplicate"),
    ("04-case-and-space", lambda: read(people().rename(columns={"ally": "Ally "})), SchemaError, "mean 'Ally '"),
    ("05-dict", lambda: read(people().to_dict("list")), SchemaError, "dict is not a table"),
    ("05-list", lambda: read(people().to_dict("records")), SchemaError, "list is not a table"),
    ("05-none", lambda: read_survey(None, roles=ROLES, answers=SCALE, top=SCALE[2:]), SchemaError, "is not a table"),
    ("06-multiindex", lambda: read(people().set_index(["country", "ally"])), SchemaError, "reset_index"),
    ("06-index-with-data", lambda: read(people().set_index("country")), SchemaError, "is the index, not a column"),
    ("08-all-missing", lambda: read(people(ally=[None] * 8)), LevelError, "ally is empty in every row"),
    ("08-all-missing-answer", lambda: read(people(answer=[np.nan] * 8)), OutcomeError, "answer is empty"),
    ("09-mixed-str-int", lambda: read(people(ally=[1, "1"] * 4)), LevelError, r"int \(1\), str \('1'\)"),
    ("09-mixed-bool-int", lambda: read(people(ally=[1, True] * 4)), LevelError, "mixes types"),
    ("09-lists", lambda: read(people(ally=[["US"], ["UK"]] * 4)), LevelError, "mixes types or holds no labels"),
    ("10-case", lambda: read(people(ally=["US", "us"] * 4)), LevelError, "look the same: 'US', 'us'"),
    ("10-trailing-blank", lambda: read(people(ally=["US", "US "] * 4)), LevelError, "look the same"),
    ("10-unicode-form", lambda: read(people(ally=[*E_ACUTE] * 4)), LevelError, r"look the same: '\\xe9', 'e\\u0301'"),
    ("10-nbsp", lambda: read(people(ally=["U S", "U\u00a0S"] * 4)), LevelError, r"'U\\xa0S'"),
    ("10-zero-width", lambda: read(people(ally=["US", "U\u200bS"] * 4)), LevelError, "look the same"),
    ("10-country-and-ally", lambda: read(people(ally=["pl", "UK"] * 4)), LevelError, "same in country and ally"),
    ("10-answer", lambda: read(people(answer=["very ", *people()["answer"][1:]])), LevelError, "declared answers"),
    ("14-binary-1-2", lambda: binary([1, 2] * 4), OutcomeError, r"'1', '2'.*numeric_codes=\{1: 'label'"),
    ("14-binary-0-1", lambda: binary([0, 1] * 4), OutcomeError, r"declare the codes as text in order, as \('0', '1'\)"),
    ("15-strings-without-top", lambda: binary(["no", "yes"] * 4, top=()), OutcomeError, "must name some, not all"),
    ("19-shares-as-answers", lambda: binary([0.5, 0.87] * 4), OutcomeError, "shares.*read_toplines"),
    ("22-fractional-count", lambda: counted([1.5, 2, 3, 4]), OutcomeError, "1 counts are fractional: 1.5"),
    ("23-negative-count", lambda: counted([-1, 2, 3, 4]), OutcomeError, "1 counts are negative"),
    ("24-zero-only", lambda: counted([0, 0, 0, 0]), SchemaError, "no row is left: 4 count is 0"),
    ("22-count-nan", lambda: counted([np.nan, 2, 3, 4]), OutcomeError, "no number"),
    ("22-count-inf", lambda: counted([np.inf, 2, 3, 4]), OutcomeError, "infinite"),
    ("22-count-text", lambda: counted(["1,25", "2", "3", "4"]), OutcomeError, "no number: '1,25'"),
    ("22-count-bool", lambda: counted([True, False, True, True]), OutcomeError, "true and false"),
    ("22-count-huge", lambda: counted([1e300, 2, 3, 4]), OutcomeError, "larger than"),
    ("26-inf-outcome", lambda: binary([0.0, np.inf] * 4, answers=("0", "1"), top=("1",)), OutcomeError, "'inf'"),
    ("27-no-order", lambda: read(answers=(), top=()), OutcomeError, "alphabet's: 'A little', 'Not at all'"),
    ("27-a-set-has-no-order", lambda: read(answers=set(SCALE)), OutcomeError, "an ordered tuple"),
    ("28-level-not-declared", lambda: read(answers=SCALE[1:]), OutcomeError, "not declared: 'Not at all'"),
    ("30-reversed-category", lambda: read(people(answer=people()["answer"].astype(ORDERED))), OutcomeError,
     "ordered Very < Somewhat < A little < Not at all, the declared order is Not at all"),
    ("30-reversed-enum", lambda: read(pl.from_pandas(people()).with_columns(
        pl.col("answer").cast(pl.Enum(SCALE[::-1])))), OutcomeError, "the column is ordered"),
    ("31-dont-know", lambda: read(people(answer=["Don't know", *people()["answer"][1:]])), OutcomeError,
     r"undeclared \"Don't know\".*declare missing=\(\"Don't know\",\)"),
    ("32-gaps", lambda: binary([1, 2, 4, 5], answers=("1", "2", "3"), top=("3",)), OutcomeError, "'4', '5'"),
    ("34-one-category", lambda: binary(["yes"] * 4, answers=("yes",)), OutcomeError, "at least two answers"),
    ("37-missing-code", lambda: binary([1, 2, 99, 98], answers=("1", "2"), top=("2",)), OutcomeError,
     r"'99', '98': looks like a missing answer.*missing=\('99', '98'\)"),
    ("46-id-in-two-countries", lambda: panel(["a", "b", "a", "c"]), PanelError, "in more than one country: 'a'"),
    ("51-dates-as-text", lambda: read(people(wave=["06/01/2025", "w2"] * 4)), SchemaError, "ambiguous"),
    ("51-mixed-dates", lambda: read(people(wave=["2025-01-06", "13.01.2025"] * 4)), SchemaError, "'13.01.2025'"),
    ("52-datetime", lambda: read(people(wave=DAY)), SchemaError, "dates or times.*label per fielding period"),
    ("52-timezone", lambda: read(people(wave=DAY.tz_localize("UTC"))), SchemaError, "dates or times"),
    ("52-mixed-timezones", lambda: read(people(wave=[DAY[0].tz_localize("UTC"), DAY[0].tz_localize("Asia/Tokyo")] * 4)),
     SchemaError, "dates or times"),
    ("57-date", lambda: read(people(wave=[dt.date(2025, 1, 1)] * 8)), SchemaError, "dates or times"),
    ("57-period", lambda: read(people(wave=pd.PeriodIndex(["2025-01"] * 8, freq="M"))), SchemaError, "dates or times"),
    ("57-interval", lambda: read(people(wave=pd.interval_range(0, 8))), SchemaError, "dates or times"),
    ("57-polars-date", lambda: read(pl.DataFrame(people(wave=None)).with_columns(wave=pl.lit(dt.date(2025, 1, 1)))),
     SchemaError, "dates or times"),
    ("58-twice", lambda: panel(["a", "a", "b", "c"], country=["PL"] * 4), PanelError, "2 rows repeat.*rows 0, 1"),
    ("61-population-changes", lambda: panel(["a", "a", "b", "c"], country=["PL"] * 4, who=["elite"] + ["public"] * 3),
     PanelError, "1 respondents are in more than one population: 'a'"),
    ("62-wide", lambda: read(people().rename(columns={"answer": "answer_US"}).assign(answer_UK="Very")),
     SchemaError, "reshape first with melt"),
    ("62-wide-role", lambda: read(roles=Roles(country="country", answer=("ally", "wave"))), SchemaError, "melt"),
    ("64-population-codes", lambda: read(people(who=[0, 1] * 4)), LevelError, "write 'public' and 'elite'"),
    ("64-population-bool", lambda: read(people(who=[True, False] * 4)), LevelError, "do not say who they are"),
    *[
        (f"{i}-weights", lambda w=w: read(people().assign(w=w), Roles(country="country", answer="answer", weight="w")),
         WeightError, what)
        for i, w, what in (
            (67, [-1.0, 0.5] * 4, "4 weights are negative: '-1"), (68, [np.nan, 0.5] * 4, "4 weights are empty"),
            (69, [np.inf, 0.5] * 4, "4 weights are infinite: 'inf'"), (70, 0.0, "all weights are 0"),
            (72, [1, 2] * 4, "do they count people.*count="), (74, ["1,25", "0,5"] * 4, "no number: '1,25', '0,5'"),
        )
    ],
    ("role-twice", lambda: read(roles=Roles(country="country", ally="country", answer="answer")), SchemaError,
     "one column for country and ally"),
    ("no-answer-role", lambda: read(roles=Roles(country="country")), SchemaError, "column of the answers is needed"),
    ("constant-unknown", lambda: read(constants={"contry": "PL"}), SchemaError, "did you mean 'country'"),
    ("constant-and-column", lambda: read(constants={"ally": "US"}), SchemaError, "has a column as well"),
    ("constant-no-text", lambda: read(constants={"target": 3}), SchemaError, "text is needed, got 3"),
    ("top-unknown", lambda: read(top=("Always",)), OutcomeError, "not among the answers"),
    ("top-all", lambda: read(top=SCALE), OutcomeError, "must name some, not all"),
    ("answers-repeated", lambda: read(answers=(*SCALE, "Very")), OutcomeError, "repeated: 'Very'"),
    ("answers-look-alike", lambda: read(answers=(*SCALE, "very")), LevelError, "look the same"),
    ("answers-as-numbers", lambda: binary([1, 2] * 4, answers=(1, 2), top=(2,)), OutcomeError, "codes as text"),
    ("missing-and-answer", lambda: read(missing=("Very",)), OutcomeError, "declared as answers too"),
    ("codes-to-unknown", lambda: binary([0, 1] * 4, numeric_codes={0: "no", 1: "yess"}), OutcomeError, "not declared"),
    ("codes-of-none", lambda: binary([0, 1] * 4, numeric_codes={None: "no", 1: "yes"}), OutcomeError, "not a number"),
    ("codes-as-text", lambda: binary([0, 1] * 4, numeric_codes={"0": "no", 1: "yes"}), OutcomeError, "not a number"),
]  # fmt: skip


def counted(counts, **options):
    frame = pd.DataFrame({"country": ["PL", "PL", "DE", "DE"], "answer": ["no", "yes"] * 2, "n": counts})
    return read(frame, Roles(country="country", answer="answer", count="n"), ("no", "yes"), ("yes",), **options)


def panel(ids, country=("PL", "PL", "DE", "DE"), who=("public",) * 4, wave=("w1",) * 4, **options):
    frame = pd.DataFrame({"country": country, "answer": ["no", "yes"] * 2, "id": ids, "who": who, "wave": wave})
    roles = Roles(country="country", answer="answer", respondent="id", population="who", wave="wave")
    return read(frame, roles, ("no", "yes"), ("yes",), **options)


@pytest.mark.parametrize(("act", "error", "message"), numbered(BAD))
def test_bad_input(act, error, message):
    with pytest.raises(error, match=message) as caught:
        act()
    assert type(caught.value) is error
    assert isinstance(caught.value, ValueError)


# --- odd inputs that pass, with or without a word -----------------------------------------------
ODD = [
    ("06-unused-index", lambda: read(people().rename_axis("region")), DataWarning, "the index 'region' is ignored"),
    ("04-twin-columns", lambda: read(people().assign(**{"Ally": "x"})), DataWarning, "'ally' is used"),
    ("13-digits", lambda: read(people(ally=["1", "2"] * 4)), DataWarning, "ally: labels look like numbers.*'1', '2'"),
    ("13-float", lambda: read(people(wave=["2020.0", "w2"] * 4)), DataWarning, "'2020.0'"),
    ("16-all-yes", lambda: binary(["yes"] * 4), IdentificationWarning, "all answers are the same"),
    ("17-one-country-0", lambda: binary(["no", "yes", "no", "no"]), IdentificationWarning, "0 % credible.*'PL'"),
    ("17-one-country-100", lambda: binary(["yes", "yes", "yes", "no"]), IdentificationWarning, "100 %.*'PL'"),
    ("29-never-observed", lambda: read(answers=(*SCALE, "Extremely")), DataWarning, "nobody gave .*'Extremely'"),
    ("31-inside-the-scale", lambda: binary(["no", "Not sure", "yes", "Not sure", "no", "yes"],
                                           answers=("no", "Not sure", "yes")), DataWarning, "inside the scale"),
    ("37-code-in-scale", lambda: binary([1, 2, 99, 99, 2, 1], answers=("1", "2", "99"), top=("2",)), DataWarning,
     "'99' looks like a missing answer"),
    ("59-panel", lambda: panel(["a", "a", "b", "c"], wave=["w1", "w2", "w1", "w1"]), IdentificationWarning,
     "2 rows of 1 respondents with several rows are treated as independent"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "category", "message"), numbered(ODD))
def test_odd_input_passes_with_a_warning(act, category, message):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        survey = act()
    assert any(w.category is category and re.search(message, str(w.message)) for w in caught)
    assert all(w.filename == __file__ for w in caught)
    assert balanced(survey.report)


LABELS = {
    "11-pipe": "a|b", "11-comma": "a,b", "11-newline": "a\nb", "11-dollar": "$5 vs $10", "11-tag": "<script>",
    "11-bracket": "[b",     "11-emoji": "🇵🇱👍", "11-right-to-left": "ישראל", "12-long": "x" * 300,
    "11-formula": "=1+1", "11-braces": "{x.__class__}",
}  # fmt: skip


@pytest.mark.parametrize("label", numbered(LABELS.items()))
def test_odd_labels_are_kept_as_typed(label, tmp_path):
    frame = people(ally=[label, "UK"] * 4)
    frame.to_csv(tmp_path / "odd.csv", index=False)
    assert read(frame).table["ally"].tolist() == [label, "UK"] * 4
    assert read(tmp_path / "odd.csv").table["ally"].tolist() == [label, "UK"] * 4


WAVES = [["2025-01", "2025-03"], ["w1", "w10"], [2020, 2021], [2020.0, 2021.0], ["2020", "2021"]]


@pytest.mark.bad(7)
@pytest.mark.parametrize("wave", WAVES)
def test_wave_labels_pass_in_silence(wave):
    assert set(read(people(wave=wave * 4)).table["wave"]) == {str(w).removesuffix(".0") for w in wave}


def test_07_index_values_do_not_matter():
    frame = people().set_index(pd.Index([3] * 8))
    pd.testing.assert_frame_equal(read(frame).table, read().table)


CODES = {
    "int": pd.Series([1, 2, 1, 2]), "float": pd.Series([1.0, 2, 1, 2]), "Int64": pd.Series([1, 2, 1, 2], dtype="Int64"),
    "object": pd.Series([1, 2, 1, 2], dtype=object), "category": pd.Series([1, 2, 1, 2], dtype="category"),
    "text": pd.Series(["1", "2", "1", "2"]), "int8": pd.Series([1, 2, 1, 2], dtype="int8"),
    "arrow": pd.Series([1, 2, 1, 2], dtype="int64[pyarrow]"),
}  # fmt: skip


@pytest.mark.bad(36)
@pytest.mark.parametrize("values", CODES.values(), ids=CODES)
def test_36_outcome_types_give_the_same_survey(values):
    frame = pd.DataFrame({"country": ["PL", "PL", "DE", "DE"], "answer": values})
    survey = read(frame, Roles(country="country", answer="answer"), ("1", "2"), ("2",))
    assert survey.table["answer"].tolist() == [0, 1, 0, 1]


@pytest.mark.bad(33)
@pytest.mark.bad(36)
@pytest.mark.parametrize("dtype", ["bool", "boolean", "object", "category", "bool[pyarrow]"])
def test_36_booleans_are_declared_as_text(dtype):
    values = pd.Series([True, False, False, True], dtype=dtype)
    table = binary(values, answers=("False", "True"), top=("True",)).table
    assert table["answer"].tolist() == [1, 0, 0, 1]
    assert binary(values, numeric_codes={0: "no", 1: "yes"}).table["answer"].tolist() == [1, 0, 0, 1]


def test_33_negative_codes_keep_the_declared_order():
    codes = [-3, -2, -1, 0, 1, 2, 3, -3]
    survey = binary(codes, answers=tuple(map(str, range(-3, 4))), top=("1", "2", "3"))
    assert survey.table["answer"].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]


@pytest.mark.bad(30)
@pytest.mark.bad(30)
def test_30_an_ordered_category_in_the_declared_order_passes():
    kind = pd.CategoricalDtype([*SCALE, "Extremely"], ordered=True)
    assert read(people(answer=people()["answer"].astype(kind))).table["answer"].tolist() == [3, 1, 0, 2, 2, 3, 1, 0]


def test_30_an_ordered_category_that_nobody_chose_is_no_conflict():
    kind = pd.CategoricalDtype(["no", "maybe", "yes"], ordered=True)
    with pytest.warns(DataWarning, match="nobody gave the answer 'maybe'"):
        survey = binary(pd.Series(["yes", "no", "no", "yes"], dtype=kind), answers=("no", "maybe", "yes"))
    assert survey.table["answer"].tolist() == [2, 0, 0, 2]


@pytest.mark.bad(43)
@pytest.mark.bad(30)
def test_30_an_ordered_category_of_codes_is_compared_by_meaning():
    kind = pd.CategoricalDtype([1, 2], ordered=True)
    values = pd.Series([1, 2, 2, 1], dtype=kind)
    assert binary(values, numeric_codes={1: "no", 2: "yes"}).table["answer"].tolist() == [0, 1, 1, 0]
    with pytest.raises(OutcomeError, match="ordered yes < no"):
        binary(values, numeric_codes={1: "yes", 2: "no"})


def test_43_self_ratings_are_noted():
    line = next(x for x in read(people(ally=["PL", "UK"] * 4)).report.lines if "itself" in x.what)
    assert (line.action, line.count) == ("noted", 2)


@pytest.mark.bad(38, 40, 63)
@pytest.mark.bad(49)
@pytest.mark.parametrize("country", [[1, 2], ["1", "2"], [1.0, 2.0]])
def test_49_integer_coded_groups(country):
    with pytest.warns(DataWarning, match="look like numbers"):
        survey = read(people(country=country * 4))
    assert survey.table["country"].tolist() == ["1", "2"] * 4


def test_38_40_63_one_level_is_noted():
    text = str(read(people(country="PL", ally="US", wave="w1", who="public")).report)
    for role, label in (("country", "PL"), ("ally", "US"), ("wave", "w1"), ("population", "public")):
        assert f"one {role} only: {label!r}" in text


@pytest.mark.bad(41)
def test_41_unused_category_levels_are_noted():
    kind = pd.CategoricalDtype(["PL", "DE", "FR"])
    assert "in no row: 'FR'" in str(read(people(country=people()["country"].astype(kind))).report)


def test_respondents_are_kept_and_unknown_ones_noted():
    survey = panel([1.0, 2.0, np.nan, 4.0])
    assert survey.table["respondent"].tolist() == ["1", "2", "", "4"]
    assert "respondent is empty" in str(survey.report)


def test_respondents_who_rate_several_allies_are_no_duplicates():
    frame = people(country="PL", who="public", wave=["w1", "w1", "w2", "w2"] * 2, id=list("aabbccdd"))
    roles = Roles(country="country", ally="ally", wave="wave", answer="answer", population="who", respondent="id")
    with pytest.warns(IdentificationWarning, match="8 rows of 4 respondents"):
        assert read(frame, roles).table["respondent"].tolist() == list("aabbccdd")


def test_large_ids_stay_apart():
    big = 2**60
    survey = panel(pd.Series([big, big + 1, None, big + 3], dtype="int64[pyarrow]"))
    assert survey.table["respondent"].tolist() == [str(big), str(big + 1), "", str(big + 3)]


@pytest.mark.bad(48)
def test_10000_levels_pass():
    n = 10_000
    frame = pd.DataFrame({"country": [f"c{i}" for i in range(n)] * 2, "answer": ["no", "yes"] * n})
    survey = quiet(frame, Roles(country="country", answer="answer"), ("no", "yes"), ("yes",))
    assert survey.table["country"].nunique() == n


def test_answers_that_only_sound_like_a_refusal_pass_in_silence():
    answers = ("would refuse to help", "👍")
    given = [answers[1], answers[0], answers[0], answers[1]]
    assert binary(given, answers=answers, top=answers[1:]).table["answer"].tolist() == [1, 0, 0, 1]


@pytest.mark.slow
def test_many_undeclared_answers_are_refused_quickly():
    n = 100_000
    frame = pd.DataFrame({"country": "PL", "answer": [f"answer {i}" for i in range(n)]})
    with pytest.raises(OutcomeError, match="100000 values are not declared"):
        read(frame, Roles(country="country", answer="answer"))


# --- counted tables -----------------------------------------------------------------------------
def cells(**changes):
    return pd.DataFrame({"country": ["PL", "DE"], "no": [2, 1], "some": [0, 4], "yes": [1, 3]} | changes)


def count(frame, counts=None, **options):
    counts = counts or {"no": "no", "some": "some", "yes": "yes"}
    roles = options.pop("roles", Roles(country="country"))
    return read_counts(frame, roles=roles, counts=counts, top=("yes",), **options)


def test_counted_table_by_hand():
    survey = count(cells(), constants={"ally": "US"})
    assert survey.table[["country", "ally", "answer", "count"]].values.tolist() == [
        ["PL", "US", 0, 2], ["PL", "US", 2, 1], ["DE", "US", 0, 1], ["DE", "US", 1, 4], ["DE", "US", 2, 3],
    ]  # fmt: skip
    assert survey.answers == ("no", "some", "yes")
    assert "used         2  rows (11 answers)" in str(survey.report)


def test_counted_answers_keep_the_order_of_the_mapping():
    survey = count(cells(), {"yes": "yes", "some": "some", "no": "no"})
    assert survey.answers == ("yes", "some", "no")
    assert survey.table["answer"].tolist() == [0, 2, 0, 1, 2]


@pytest.mark.bad(24)
def test_24_rows_without_people_are_excluded_with_a_line():
    report = count(cells(country=["PL", "DE", "FR"], no=[2, 0, 1], some=[1, 0, 0], yes=[1, 0, 1])).report
    assert "excluded         1  nobody answered" in str(report)
    assert balanced(report)


@pytest.mark.parametrize(
    ("frame", "options", "error", "message"),
    numbered([
        ("21-23-negative", cells(no=[-1, 2]), {}, OutcomeError, "negative.*more successes than trials"),
        ("22-fractional", cells(no=[0.5, 0.2]), {}, OutcomeError, "fractional.*shares"),
        ("25-nan", cells(no=[np.nan, 2]), {}, OutcomeError, "no number"),
        ("02-missing", cells(), {"counts": {"no": "no", "yes": "yess"}}, SchemaError, "did you mean 'yes'"),
        ("twice", cells(), {"counts": {"no": "no", "yes": "no"}}, SchemaError, "one column for"),
        ("answer-role", cells(), {"roles": Roles(country="country", answer="no")}, SchemaError,
         "no place in a counted table"),
        ("67-weight", cells(), {"roles": Roles(country="country", weight="no")}, DataError,
         "belong to people, not to counts"),
        ("34-one", cells(), {"counts": {"yes": "yes"}}, OutcomeError, "at least two answers"),
    ]),
)  # fmt: skip
def test_bad_counted_table(frame, options, error, message):
    with pytest.raises(error, match=message):
        count(frame, **options)


# --- real data ----------------------------------------------------------------------------------
def shared(*parts):
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{Path(*parts)} is not in the shared folder beside the project")
    return path


def test_canonical_cells_keep_every_person():
    frame = pd.read_csv(shared("bench", "canonical_cells.csv"))
    survey = read_counts(
        frame.assign(no=frame["n"] - frame["k"]),
        roles=Roles(country="country", ally="ally", wave="wave", population="pop"),
        counts={"no": "no", "yes": "k"}, top=("yes",),
    )  # fmt: skip
    assert survey.table["count"].sum() == frame["n"].sum()
    assert survey.table.query("answer == 1")["count"].sum() == frame["k"].sum()


def test_stata_vignette_gives_the_published_shares():
    path = shared("data", "tomz_weeks_2021_yougov", "2017-04-YouGov-extracted.dta")
    answers = ("Oppose strongly", "Oppose somewhat", "Neither favor nor oppose", "Favor somewhat", "Favor strongly")
    survey = read_survey(
        path, roles=Roles(ally="alliance", target="region", answer="pref"), answers=answers, top=answers[3:],
        constants={"country": "US", "wave": "2017-04"}, missing=("skipped", "not asked"),
    )  # fmt: skip
    assert len(survey) == 1200
    share = (survey.table["answer"] >= 3).groupby(survey.table["ally"]).mean()
    with_alliance = share[share.index.str.contains("Has a written")].iloc[0]
    without = share[share.index.str.contains("Does not have")].iloc[0]
    assert (round(100 * without, 2), round(100 * with_alliance, 2)) == (46.49, 79.57)
    assert set(survey.table["target"]) == {"Africa", "Asia", "Eastern Europe", "South America"}


def test_rows_are_answers_and_people_with_several_are_counted_by_their_ids():
    frame = pd.DataFrame({
        "country": ["PL", "PL", "DE", "DE", "DE"], "ally": ["US", "FR", "US", "US", "FR"],
        "answer": ["Very", "A little", "Somewhat", "Very", "Not at all"], "id": ["a", "a", "b", "c", None],
        "weight": [1.0, 1.0, 0.5, 1.5, 1.0],
    })  # fmt: skip
    roles = Roles(country="country", ally="ally", answer="answer", respondent="id")
    with pytest.warns(IdentificationWarning, match="too narrow$"):
        survey = read(frame, roles)
    assert "used         5  rows (5 answers)" in str(survey.report)
    assert "2  rows of 1 respondents with several rows" in str(survey.report)
    with listening() as heard:
        read(frame, replace(roles, weight="weight"))
    assert any("weights do not go with that term yet → read without the weight" in str(w.message) for w in heard)
