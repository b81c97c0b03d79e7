"""Data counted where they lie: the same survey as from memory, the same refusals, on every engine."""

import gzip
import re
import tempfile
import warnings
from collections import Counter
from contextlib import suppress
from datetime import date

import dask
import dask.dataframe as dd
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import test_survey
from test_survey import SCALE, balanced, read

from alliancecred import codes, counting, scans
from alliancecred.cells import make_cells
from alliancecred.errors import (
    DataError,
    IdentificationWarning,
    LevelError,
    OutcomeError,
    PanelError,
    SchemaError,
)
from alliancecred.sources import Roles
from alliancecred.spec import Spec
from alliancecred.survey import read_counts, read_survey
from alliancecred.terms import FACTORS, Level

ROLES = Roles(country="cntry", ally="Ally", wave="wave", answer="q", population="who", count="n")
COLUMNS = [*FACTORS, "answer"]


def draw(rows=400, seed=1):
    """Answers with everything that may be odd and still passes: empty cells, codes, labels that look empty."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "id": np.arange(rows),
        "ally": "not this one",
        "Ally": rng.choice(["US", "UK", "PL"], rows),
        "cntry": rng.choice(["PL", "DE", "NA", None], rows, p=[0.4, 0.4, 0.15, 0.05]),
        "wave": rng.choice([2024, 2025], rows),
        "q": rng.choice([*SCALE, "DK", None], rows),
        "who": rng.choice(["public", "elite"], rows),
        "n": rng.choice([0, 1, 2], rows),
        "noise": rng.normal(size=rows),
    })  # fmt: skip
    return frame.astype({c: object for c in ("ally", "Ally", "cntry", "q", "who")})


def quiet(source, roles=ROLES, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(source, roles, missing=options.pop("missing", ("DK",)), **options)


def cells(survey):
    """One row per cell and answer, by a `Counter` over rows."""
    counts = Counter()
    for *labels, answer, people in survey.table[[*COLUMNS, "count"]].itertuples(index=False):
        counts[*labels, answer] += people
    return [(*key, counts[key]) for key in sorted(counts)]


def lines(survey):
    """The report, whatever the order of the labels in a reason."""
    return sorted((x.action, x.count, x.what) for x in survey.report.lines)


@pytest.fixture
def calm():
    """Dask in this thread: no pool, no cluster."""
    with dask.config.set(scheduler="synchronous"):
        yield


def parquet(frame, path, **options):
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, **options)
    return path


def halves(frame, folder, ending):
    """Two files, the columns of the second in another order."""
    one, two = frame.iloc[: len(frame) // 3], frame.iloc[len(frame) // 3 :]
    for i, part in enumerate((one, two[frame.columns[::-1]])):
        path = folder / f"wave {i}'s{ending}"
        parquet(part, path, row_group_size=50) if ending == ".parquet" else part.to_csv(path, index=False)
    return sorted(folder.glob(f"wave*{ending}"))


SOURCES = {
    "polars": lambda f, d: pl.from_pandas(f).lazy(),
    "polars-scan": lambda f, d: pl.scan_parquet(parquet(f, d / "f.parquet")),
    "polars-categories": lambda f, d: pl.from_pandas(f).lazy().with_columns(pl.col(pl.String).cast(pl.Categorical)),
    # to DuckDB, Ally and ally are one name
    "duckdb": lambda f, d: duckdb.connect().sql(f"from '{parquet(f.drop(columns='ally'), d / 'f.parquet')}'"),
    "dask": lambda f, d: dd.from_pandas(f, npartitions=2),
    "dask-categories": lambda f, d: dd.from_pandas(f.astype({"q": "category", "Ally": "category"}), npartitions=2),
    "parquet": lambda f, d: halves(f, d, ".parquet"),
    "csv": lambda f, d: tuple(map(str, halves(f, d, ".csv"))),
    "csv.gz": lambda f, d: halves(f, d, ".csv.gz"),
    "glob": lambda f, d: (halves(f, d, ".parquet"), f"{d}/*.parquet")[1],
    "glob-of-paths": lambda f, d: (halves(f, d, ".csv"), d / "**" / "wave*")[1],
}


@pytest.mark.usefixtures("calm")
@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_every_engine_counts_what_is_read_in_memory(make, tmp_path):
    frame = draw()
    here, there = quiet(frame), quiet(make(frame, tmp_path))
    assert there.table[[*COLUMNS, "count"]].values.tolist() == list(map(list, cells(here)))
    pd.testing.assert_series_equal(there.table.dtypes, here.table.dtypes)
    assert set(there.table["respondent"]) == {""}
    assert lines(there) == lines(here)
    assert balanced(there.report)
    assert there.report.total("read") == len(frame)


@pytest.mark.usefixtures("calm")
@pytest.mark.parametrize(
    "make",
    [pytest.param(SOURCES["dask"], marks=pytest.mark.slow), SOURCES["csv"], SOURCES["parquet"]],
    ids=["dask", "csv", "parquet"],
)
def test_the_likelihood_gets_the_same_cells(make, tmp_path):
    frame = draw().drop(columns="n").assign(n=3)
    spec = Spec("cells", SCALE, SCALE[2:], (Level(("country",)), Level(("ally",))), countries=("PL", "NA", "DE"))
    here, there = (make_cells(spec, [quiet(source)]) for source in (frame, make(frame, tmp_path)))
    assert here.levels == there.levels
    np.testing.assert_array_equal(here.counts, there.counts)
    assert here.counts.sum() == 3 * (frame["q"].isin(SCALE) & frame["cntry"].notna()).sum()
    for factor in FACTORS:
        np.testing.assert_array_equal(here.rows.codes[factor], there.rows.codes[factor])


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_path_counts_as_often_as_it_is_listed(tmp_path, ending):
    paths = halves(draw(), tmp_path, ending)
    once, thrice = quiet(paths), quiet(paths * 3)
    assert thrice.report.total("read") == 1200
    assert (thrice.table["count"] == 3 * once.table["count"]).all()
    assert thrice.report.source.startswith("6 files (wave 0's")


# --- which way is taken -------------------------------------------------------------------------
def test_nothing_is_printed(tmp_path, capfd, monkeypatch):
    seen = []
    monkeypatch.setattr(scans, "_engine", lambda folder, make=scans._engine: seen.append(make(folder)) or seen[-1])
    quiet(halves(draw(), tmp_path, ".csv"))
    assert seen[0].sql("select current_setting('enable_progress_bar')").fetchall() == [(False,)]
    assert capfd.readouterr() == ("", "")


def test_a_single_file_is_counted_where_it_lies_only_if_it_is_large(tmp_path, monkeypatch):
    frame = draw().drop(columns="n")
    roles = Roles(country="cntry", answer="q", respondent="id")
    path = parquet(frame, tmp_path / "w.parquet")
    assert len(quiet(path, roles)) > len(set(map(tuple, quiet(path, roles).table[COLUMNS].values)))
    monkeypatch.setattr(scans, "LARGE", path.stat().st_size)
    assert quiet(path, roles).table["respondent"].nunique() == len(quiet(path, roles)) > 200
    monkeypatch.setattr(scans, "LARGE", path.stat().st_size - 1)
    counted = quiet(path, roles)
    assert set(counted.table["respondent"]) == {""}
    assert not counted.table.duplicated(COLUMNS).any()
    assert counted.report.source == "w.parquet"
    assert len(quiet([path], roles)) == len(quiet(str(path)[:-4] + "*", roles)) == len(counted)


def test_counted_tables_may_still_be_lazy():
    frame = pl.LazyFrame({"country": ["PL", "DE"], "no": [2, 1], "yes": [1, 3]})
    counts = {"no": "no", "yes": "yes"}
    survey = read_counts(frame, roles=Roles(country="country"), counts=counts, top=("yes",), constants={"ally": "US"})
    assert survey.table["count"].tolist() == [2, 1, 1, 3]


def test_nothing_of_ours_is_left_behind(tmp_path, monkeypatch):
    (tmp_path / "spill").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "spill"))
    connection = duckdb.connect()
    settings = "select name, value from duckdb_settings() order by name"
    before = connection.sql(settings).fetchall()
    quiet(halves(draw(), tmp_path, ".csv"))
    quiet(connection.sql("select 'PL' cntry, 'Very' q from range(3)"), Roles(country="cntry", answer="q"))
    assert connection.sql(settings).fetchall() == before
    assert not list((tmp_path / "spill").iterdir())


# --- labels -------------------------------------------------------------------------------------
WAVES = {
    "int": pa.array([2024, 2025, None, 2025]),
    "int8": pa.array([1, 2, 2, 1], pa.int8()),
    "float": pa.array([1.0, 2.5, float("nan"), None]),
    "bool": pa.array([True, False, None, True]),
    "decimal": pa.array(["1.50", "2.00", None, "1.50"]).cast(pa.decimal128(5, 2)),
    "text": pa.array(["w1", " ", "", None]),
    "large": pa.array(["w1", "None", "NA", "w1"], pa.large_string()),
    "dictionary": pa.array(["w1", "w2", None, "w1"]).dictionary_encode(),
    "dictionary-of-int": pa.array([1, 2, None, 1]).dictionary_encode(),
    "null": pa.array([None] * 4, pa.null()),
}


def in_engines(table, path):
    pq.write_table(table, path)
    duck = duckdb.connect().sql(f"from '{path}'")
    return {"memory": table, "files": [path], "duckdb": duck, "polars": pl.scan_parquet(path)}


@pytest.mark.parametrize("values", WAVES.values(), ids=WAVES)
def test_labels_are_those_of_memory(values, tmp_path):
    table = pa.table({"c": ["PL", "PL", "DE", "DE"], "q": ["Very", "Somewhat"] * 2, "w": values})
    found = {}
    for engine, source in in_engines(table, tmp_path / "t.parquet").items():
        try:
            survey = quiet(source, Roles(country="c", answer="q", wave="w"))
            found[engine] = [cells(survey), lines(survey)]
        except LevelError as error:
            found[engine] = str(error)
    assert all(f == found["memory"] for f in found.values()), found


@pytest.mark.parametrize("values", ["int", "text"])
def test_answers_by_code(values, tmp_path):
    answers = pa.array([1, 2, 98, 2]) if values == "int" else pa.array(["1", "2", "98", "2"])
    table = pa.table({"c": ["PL", "PL", "DE", "DE"], "q": answers})
    for source in in_engines(table, tmp_path / "t.parquet").values():
        roles = Roles(country="c", answer="q")
        options = {"missing": ("98",), "constants": {"ally": "US"}}
        survey = quiet(source, roles, answers=("no", "yes"), top=("yes",), numeric_codes={1: "no", 2: "yes"}, **options)
        assert cells(survey) == [("DE", "US", "", "", "public", 1, 1)] + [
            ("PL", "US", "", "", "public", k, 1) for k in (0, 1)
        ]
        assert "excluded         1  answer '98': declared missing" in str(survey.report)


def test_csv_is_text_throughout(tmp_path):
    text = '\ufeff"c",q\r\n"a\r\n""b""",None\r\nNA,NA\r\nNULL,\r\n01,""\r\n"x,y",null\r\n'
    (tmp_path / "odd [1].csv").write_bytes(text.encode())
    (tmp_path / "odd 1.csv").write_text("c,q\nwrong,None\n")
    with gzip.open(tmp_path / "it's.csv.gz", "wt") as file:
        file.write("q,c\nnan,01\n")
    paths = [tmp_path / "odd [1].csv", tmp_path / "it's.csv.gz"]
    survey = quiet(paths, Roles(country="c", answer="q"), answers=("None", "NA", "nan", "null"), top=("null",))
    given = dict(zip(survey.table["country"], survey.table["answer"], strict=True))
    assert given == {'a\r\n"b"': 0, "NA": 1, "01": 2, "x,y": 3}
    assert "excluded         2  answer is empty" in str(survey.report)


def test_whole_numbers_may_be_floats_in_another_file(tmp_path):
    frame = pd.DataFrame({"c": ["PL", "DE"], "q": ["Very", "Somewhat"], "w": [1, 2]})
    parquet(frame, tmp_path / "a.parquet")
    parquet(frame.astype({"w": float}), tmp_path / "b.parquet")
    survey = quiet(tmp_path / "*.parquet", Roles(country="c", answer="q", wave="w"))
    assert survey.table[["wave", "count"]].values.tolist() == [["2", 2], ["1", 2]]


def test_large_counts_are_exact(tmp_path):
    frame = pd.DataFrame({"c": ["PL", "PL"], "q": ["Very", "Somewhat"], "n": [10**12, 10**12 - 1]})
    survey = quiet([parquet(frame, tmp_path / "a.parquet")] * 3, Roles(country="c", answer="q", count="n"))
    assert survey.table["count"].tolist() == [3 * 10**12 - 3, 3 * 10**12]


# --- text in Parquet, by its codes --------------------------------------------------------------
def test_text_in_parquet_is_counted_by_codes_and_nothing_else_is(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(counting, "count_codes", lambda *args: seen.append(codes.count_codes(*args)) or seen[-1])
    roles = Roles(country="cntry", ally="Ally", wave="wave", answer="q", population="who")
    here = quiet(draw(), roles)
    for ending in (".parquet", ".csv"):
        assert cells(quiet(halves(draw(), tmp_path, ending), roles)) == cells(here)
    assert len(seen) == 1
    assert seen[0].num_rows > 100
    quiet([parquet(draw().astype({"wave": float}), tmp_path / "float.parquet")], roles)
    numbers = [parquet(draw(), tmp_path / "numbers.parquet")]
    quiet(numbers, Roles(country="wave", answer="n"), answers=("0", "1", "2"), top=("2",))
    assert len(seen) == 1


@pytest.mark.parametrize(("name", "value"), [("_PLACES", 10), ("_BATCH", 7)])
def test_codes_that_are_too_many_are_counted_by_the_engine(tmp_path, monkeypatch, name, value):
    monkeypatch.setattr(codes, name, value)
    paths = halves(draw(), tmp_path, ".parquet")
    keys = {c: c for c in ("cntry", "Ally", "q")}
    assert (codes.count_codes(paths, keys) is None) == (name == "_PLACES")
    assert cells(quiet(paths)) == cells(quiet(draw()))


def test_more_labels_than_the_book_has_room_for(tmp_path):
    frame = pd.DataFrame({f"c{i}": [f"label {k}" for k in range(200)] for i in range(8)})
    path = parquet(frame, tmp_path / "a.parquet", row_group_size=1)
    keys = {c: c for c in frame}
    assert codes.count_codes([path], keys) is None
    assert codes.count_codes([path], dict(list(keys.items())[:7])).num_rows == 200


# --- what is wrong is refused as in memory ------------------------------------------------------
@pytest.fixture
def counted_door(monkeypatch):
    """The cases of `test_survey`, with every pandas frame that polars can hold counted by polars."""

    def door(source, **options):
        if isinstance(source, pd.DataFrame) and source.index.name is None and source.index.nlevels == 1:
            with suppress(pa.ArrowException, TypeError, ValueError, pl.exceptions.PolarsError):
                source = pl.from_pandas(source).lazy()
        return read_survey(source, **options)

    monkeypatch.setattr(test_survey, "read_survey", door)


# where the words differ: labels are named in their order, rows are not
WORDS = {
    "09-lists": "holds no labels: List",
    "10-unicode-form": r"look the same: 'e\\u0301', '\\xe9'",
    "37-missing-code": r"'98', '99': looks like a missing answer",
    "58-twice": "2 rows repeat the same respondent and country and wave and population: 'a' →",
}
# what polars does not take over from pandas
LOST = {"30-reversed-category", "57-period", "57-interval"}
BAD = [b for b in test_survey.BAD if b[0] not in LOST]


@pytest.mark.usefixtures("counted_door")
@pytest.mark.parametrize(("name", "act", "error", "message"), BAD, ids=[b[0] for b in BAD])
def test_bad_input(name, act, error, message):
    with pytest.raises(error, match=WORDS.get(name, message)) as caught:
        act()
    assert type(caught.value) is error


ODD = [o for o in test_survey.ODD if o[0] != "06-unused-index"]


@pytest.mark.usefixtures("counted_door")
@pytest.mark.parametrize(("act", "category", "message"), [o[1:] for o in ODD], ids=[o[0] for o in ODD])
def test_odd_input_passes_with_a_warning(act, category, message):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        survey = act()
    assert any(w.category is category and re.search(message, str(w.message)) for w in caught)
    assert balanced(survey.report)


def test_problems_have_no_row_numbers_and_all_come_at_once(tmp_path):
    frame = draw().assign(Ally=["US", "us "] * 200, q=["Very", "Perhaps"] * 200, n=-1)
    for source in (halves(frame, tmp_path, ".parquet"), pl.from_pandas(frame).lazy()):
        with pytest.raises(DataError) as caught:
            quiet(source, Roles(country="contry", ally="Ally", answer="q", weight="noise", count="n"), top=("Often",))
        assert {p.kind for p in caught.value.problems} == {"schema", "level", "outcome", "weight"}
        assert not any(p.rows for p in caught.value.problems)
        assert "n: 400 counts are negative: -1" in str(caught.value)


def test_files_that_cannot_be_counted_together(tmp_path):
    good = pd.DataFrame({"c": ["PL", "DE"], "q": ["no", "yes"], "w": [1, 2]})
    kinds = {
        "good": good, "other": good.rename(columns={"w": "W"}), "text": good.astype({"w": str}),
        "lists": good.assign(w=[["x"], ["y"]]), "periods": good.assign(w=pd.PeriodIndex(["2025"] * 2, freq="Y")),
        "order": good.assign(w=pd.Categorical(["x", "y"], ["x", "y"], ordered=True)),
        "turned": good.assign(w=pd.Categorical(["x", "y"], ["y", "x"], ordered=True)),
    }  # fmt: skip
    for name, frame in kinds.items():
        parquet(frame, tmp_path / f"{name}.parquet")
    for name, data in {
        "ragged": b"c,q,w\nPL,yes,1,extra\n", "short": b"c,q,w\nPL,yes\n", "latin": b"c,q,w\nPL,h\xe4ufig,1\n",
        "head": b"c,q,w,h\xe4\nPL,yes,1,2\n", "nothing": b"", "empty": b"c,q,w\n",
        "semicolon": b"c;q;w\nPL;yes;1\n", "twice": b"c,q,w,c\nPL,yes,1,DE\n",
    }.items():  # fmt: skip
        (tmp_path / f"{name}.csv").write_bytes(data)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    (tmp_path / "w.sav").write_bytes(b"")
    cut = (tmp_path / "good.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(b"\0" * 200 + cut[200:])
    expected = {
        "good.parquet other.parquet": r"w: no such column in other.parquet → did you mean 'W'\?",
        "good.parquet text.parquet": "w: holds numbers in good.parquet, text in text.parquet → write it as text",
        "good.parquet lists.parquet": "w: holds numbers in good.parquet, list",
        "periods.parquet": "w: holds values of a type that is no label in periods.parquet",
        "order.parquet turned.parquet": "w: is ordered differently in order.parquet and turned.parquet",
        "good.parquet empty.csv": "w: holds numbers in good.parquet, text in empty.csv",
        "ragged.csv": "ragged.csv: cannot be read", "short.csv": "short.csv: cannot be read",
        "latin.csv": "latin.csv: is not UTF-8 text", "head.csv": "head.csv: is not UTF-8", "nothing.csv": "0 rows",
        "empty.csv empty.csv": "0 rows in 2 files", "semicolon.csv": "separate the values by commas",
        "twice.csv": "duplicate column names", "broken.parquet": "broken.parquet: cannot be read",
        "cut.parquet": "cut.parquet: cannot be read", "none.csv": "none.csv: no such file",
        "x*.csv": "x\\*.csv: no file matches", "good.parquet w.sav": "w.sav: only .parquet, .csv, .csv.gz files are",
        "": "list is not a table",
    }  # fmt: skip
    for names, message in expected.items():
        with pytest.raises(DataError, match=message):
            quiet(
                [tmp_path / n for n in names.split()],
                Roles(country="c", answer="q", wave="w"),
                answers=("no", "yes"),
                top=("yes",),
            )


def test_an_order_that_files_declare_is_compared(tmp_path):
    turned = pd.CategoricalDtype(SCALE[::-1], ordered=True)
    frame = draw().assign(q=pd.Series([*SCALE] * 100, dtype=turned))
    enum = pl.from_pandas(draw()).lazy().with_columns(q=pl.Series([*SCALE] * 100).cast(pl.Enum(SCALE[::-1])))
    for source in ([parquet(frame, tmp_path / "a.parquet")] * 2, enum):
        with pytest.raises(OutcomeError, match="the column is ordered Very < Somewhat"):
            quiet(source)
    unused = pd.CategoricalDtype([*SCALE, "Extremely"], ordered=True)
    parquet(frame.astype({"q": unused}), tmp_path / "a.parquet")
    assert cells(quiet([tmp_path / "a.parquet"])) == cells(quiet(frame.astype({"q": str})))


@pytest.mark.parametrize("glance", [30, 10**6])
@pytest.mark.parametrize("make", ["polars", "dask", "parquet", "csv", "duckdb"])
@pytest.mark.usefixtures("calm")
def test_an_id_that_plays_a_role_is_refused(tmp_path, monkeypatch, make, glance):
    monkeypatch.setattr(counting, "LIMIT", 200)
    monkeypatch.setattr(counting, "_GLANCE", glance)
    early = " in the first rows alone" if glance > 200 and make != "dask" else ""  # a part of Dask's has 200 rows
    wanted = rf"id: .*: 400 combinations of .*'id'.*'{early}, more than 200: .*'id' has most values: leave the role out"
    with pytest.raises(SchemaError, match=wanted):
        quiet(SOURCES[make](draw().astype({"id": str}), tmp_path), Roles(country="cntry", wave="id", answer="q"))


# --- respondents --------------------------------------------------------------------------------
def panel(**changes):
    frame = {
        "c": ["PL", "PL", "PL", "PL", "DE", "DE", "DE", "DE", "DE"],
        "w": ["w1", "w2", "w1", "w1", "w1", "w2", "w1", None, "w1"],
        "id": ["a", "a", "b", None, "d", "d", " ", "d", "e"],
        "q": ["Very", "Somewhat", "Very", "Somewhat", "Very", "A little", "Not at all", "Very", "DK"],
        "who": ["public"] * 8 + ["elite"],
    }
    return pd.DataFrame(frame | changes).astype(object)


PANEL = Roles(country="c", wave="w", answer="q", respondent="id", population="who")
ENGINES = {k: SOURCES[k] for k in ("polars", "polars-categories", "duckdb", "dask", "parquet", "csv")}


def told(source):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        survey = read(source, PANEL, missing=("DK",))
    return [str(w.message) for w in caught if w.category is IdentificationWarning], lines(survey), cells(survey)


@pytest.fixture(params=ENGINES)
def engine(request, tmp_path, calm):
    def source(frame):
        if request.param == "duckdb":
            return duckdb.connect().sql(f"from '{parquet(frame, tmp_path / 'f.parquet')}'")
        return ENGINES[request.param](frame, tmp_path)

    return source


def test_respondents_with_several_rows_are_noted(engine):
    found = told(engine(panel()))
    assert found == told(panel())
    assert any("4 rows of 2 respondents with several rows are treated" in text for text in found[0])
    assert ("noted", 2, "respondent is empty") in found[1]


def test_respondents_who_repeat_or_move_are_refused(engine):
    frame = panel(id=["a", "a", "b", "b", "d", "d", "a", "d", "e"], who=["elite", *panel()["who"][1:]])
    with pytest.raises(PanelError) as there:
        told(engine(frame))
    with pytest.raises(PanelError) as here:
        told(frame)
    assert str(there.value) == re.sub(r" \(rows .*?\)", "", str(here.value))
    for message in (
        "1 respondents are in more than one country: 'a' → make the ids",
        "1 respondents are in more than one population: 'a' → a respondent",
        "2 rows repeat the same respondent and country and wave and population: 'b' → keep one row",
    ):
        assert message in str(there.value)


@pytest.mark.parametrize("engine", ["polars", "parquet"], indirect=True)
def test_rows_that_are_not_used_do_not_repeat(engine):
    # the second b has no wave, the third no valid answer
    frame = panel(id=["a", "a", "b", None, "d", "d", " ", "d", "d"], who="public")
    assert told(engine(frame)) == told(frame)


@pytest.mark.parametrize("engine", ["polars", "csv"], indirect=True)
def test_many_who_repeat_are_named_in_part(engine):
    frame = pd.concat([panel(id=f"p{i}", w="w1", c="PL", who="public") for i in range(7)])
    with pytest.raises(PanelError, match=r"56 rows .*'p0', 'p1', 'p2', 'p3', 'p4' and 2 more →"):
        told(engine(frame))


def test_an_id_that_is_a_date_is_refused():
    frame = pl.from_pandas(panel()).lazy().with_columns(id=pl.lit(date(2025, 1, 1)))
    with pytest.raises(SchemaError, match="id: holds Date, not labels"):
        told(frame)
