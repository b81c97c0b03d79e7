"""Rubbish at every door: a value whose report accounts for every row, or an error of ours; never anything else.

Each case is a sound table (or file) that is spoiled: nasty cells, columns of another type, names that repeat, bytes
that are exchanged. A few dozen cases of each door are fast; `make slow` tries thousands.
"""

import contextlib
import datetime as dt
import json
import tomllib
import warnings
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyreadstat
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import alliancecred as ac
from alliancecred.choices import choices_of
from alliancecred.errors import AcError, DataError, DataWarning, IdentificationWarning, PredictError, SpecError
from alliancecred.journal import open_journal
from alliancecred.populations import Population
from alliancecred.spec_file import models_dir, spec_from_table
from alliancecred.terms import FACTORS

FEW, MANY = 25, 2000
ROWS = 6
ROLES = ("country", "ally", "target", "wave", "population", "answer", "respondent", "weight", "count", "date",
         "choice_set")  # fmt: skip
SOUND = {
    "country": ["PL", "DE", "US"] * 2,
    "ally": ["US"] * 3 + ["UK"] * 3,
    "target": ["Latvia"] * 6,
    "wave": ["w1", "w2"] * 3,
    "population": ["public"] * 4 + ["elite"] * 2,
    "answer": ["no", "yes", "yes", "no", "maybe", "yes"],
    "respondent": [f"r{i}" for i in range(6)],
    "weight": [0.5, 1.5, 0.7, 1.1, 1.2, 2.5],
    "count": [1, 2, 3, 1, 5, 8],
    "date": ["2025-01-0" + str(i) for i in range(1, 7)],
    "choice_set": [1, 1, 2, 2, 3, 3],
    "age": [20, 30, 40, 50, 60, 70],
    "educ": ["low", "high"] * 3,
    "pct": [45, 30, 12, 67, 80, 5],
    "precision": ["integer"] * 6,
    "n": [1000, 500, 651, 800, 900, 1200],
    "n_kind": ["exact"] * 6,
    "mean": [6.3, 5.1, 2.2, 7.7, 4.0, 9.9],
    "sd": [2.5] * 6,
    "low": [3, 10, 0, 5, 8, 1],
    "high": [1, 2, 3, 0, 0, 5],
}
UTC = dt.UTC
NASTY = [
    # nothing, in many ways
    None, float("nan"), pd.NA, pd.NaT, np.datetime64("NaT", "D"), np.timedelta64("NaT", "D"), Decimal("NaN"),
    "", " ", "\t", "NA", "None", "nan",
    # numbers
    0, 1, -1, 2, 1.5, -0.0, 0.1, 99, 100, 101, 1e-320, 1e300, 2**53 + 1, 2**63, 2**70, -(2**70), 10**400, float("inf"),
    float("-inf"), True, False, 1j, Fraction(1, 3), Decimal("1.5"), Decimal("1e400"), np.float32(1.5), np.int8(3),
    np.bool_(True),
    # numbers as text
    "0", "1", "1.0", "01", "1e5", "1e999", "1_000", "1,25", "\u22125", "\uff11\uff12", "0x10", "inf", "Infinity", "*",
    # labels
    "top", "likely + likely", "Don't know", "refused", "maybe", "elite", "public", "self", "pl", "PL ", "U\u200bS", "é",
    "e\u0301", "a\x00b", "\x00", "\ud800", "\udcff", "x" * 400, "a | b", "a\nb", "=1+1", "{x}", "%s", "\\", "'", '"',
    "$x_1$", "<b>", "🇵🇱", "ישראל", "w10", np.str_("PL"),
    # times
    "2025-01-01", "2025-13-45", "13.01.2025", "2020.0", "2025-01-01T10:00Z", "2025-01-01T10:00+02:00",
    "2025-01-01 around noon", "9999-12-31T23:59-23:59", dt.date(2025, 1, 1), dt.date.min, dt.datetime(2025, 1, 1, 10),
    dt.datetime(2025, 1, 1, tzinfo=UTC), dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-5))),
    dt.timedelta(1), dt.time(10), np.timedelta64(1, "D"), np.datetime64("2025-01-01"), np.datetime64("-9999-01-01"),
    pd.Timestamp("2025-01-01", tz="Asia/Tokyo"), pd.Period("2025-01", "M"), pd.Interval(0, 1),
    # no labels at all
    b"x", b"\xff", [1], ["PL"], {"a": 1}, {1}, (), object, np.array([1, 2]), np.array(1),
]  # fmt: skip
CASTS = ["category", "string", "str", "Int64", "float", "boolean", "string[pyarrow]", "int64[pyarrow]",
         "datetime64[ns]", "datetime64[ns, UTC]", "bytes", "complex", "timedelta64[ns]"]  # fmt: skip


# --- spoiled tables -------------------------------------------------------------------------------
def column(name, n=ROWS):
    """A column of ``n`` rows: usually sound, or with a few nasty cells, or another column's, or of another type."""
    spoil = st.lists(st.tuples(st.integers(0, max(n - 1, 0)), st.sampled_from(NASTY)), max_size=3)
    base = st.one_of(st.just(name), st.sampled_from(list(SOUND)))
    return st.tuples(base, spoil, st.one_of(st.none(), st.none(), st.sampled_from(CASTS)), st.booleans())


def made(kind, n):
    base, spoil, cast, whole = kind
    values = [SOUND[base][i % ROWS] for i in range(n)]
    for place, value in spoil:
        if n:
            values[place % n] = value
    if whole and len(spoil) == 3:
        values = [spoil[0][1]] * n
    series = pd.Series(values, dtype=object)
    if cast is not None:
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            series = series.astype(cast)
    return series


SHAPES = ("plain", "plain", "plain", "plain", "twice", "index", "levels", "no rows", "one row", "numbers", "odd index")


@st.composite
def frames(draw, *names):
    """A table with most of these columns, in one of several shapes."""
    shape = draw(st.sampled_from(SHAPES))
    n = {"no rows": 0, "one row": 1}.get(shape, ROWS)
    absent = draw(st.sets(st.sampled_from(names), max_size=1)) if draw(st.booleans()) else set()
    worse = draw(st.sets(st.sampled_from(names), max_size=3))
    data = {
        name: made(draw(column(name)) if name in worse else (name, [], None, False), n)
        for name in names
        if name not in absent
    }
    frame = pd.DataFrame(data)
    match shape:
        case "twice":
            return pd.concat([frame, frame.iloc[:, :1]], axis=1)
        case "index":
            return frame.rename_axis("country")
        case "levels":
            return frame.set_axis(pd.MultiIndex.from_arrays([range(n), range(n)]), axis=0)
        case "numbers":
            return frame.set_axis([*range(len(frame.columns))], axis=1)
        case "odd index":
            return frame.set_index(pd.Index([3] * len(frame), name="region"))
    return frame


def chosen(*names):
    """Roles with the columns of their name, now and then of another."""
    some = st.sets(st.sampled_from(names), max_size=len(names))
    return st.tuples(some, st.sampled_from(["", "", "", "country", "age"]), st.sampled_from(names))


def roles_of(choice):
    some, other, which = choice
    given_roles = {role: role for role in (*some, "answer")} | ({which: other} if other else {})
    return ac.Roles(**given_roles)


SCALE = ("no", "maybe", "yes")
OTHER = [
    ("no", "yes"),
    ("yes",),
    (),
    ("1", "2"),
    "no",
    [*SCALE],
    {"no", "yes"},
    ("no", "No "),
    ("low", "high"),
    ("no", 1),
]
answers = st.sampled_from([SCALE] * 4 + OTHER)
tops = st.sampled_from([("yes",)] * 5 + [(), ("maybe",), ("no", "maybe", "yes"), "yes", ("2",)])
MAP = ac.LevelMap("country", (("PL", "PL"), ("DE", "DE"), ("US", "US"), ("pl", "PL"), ("PL ", "PL")))
SURVEY_OPTIONS = st.fixed_dictionaries(
    {"answers": answers, "top": tops},
    optional={
        "missing": st.sampled_from([(), ("maybe",), ("Don't know",), ("yes",), "maybe"]),
        "dont_know": st.sampled_from([("maybe",), ("refused", "maybe")]),
        "numeric_codes": st.sampled_from([{1: "no", 2: "yes"}, {1.5: "no"}, {"1": "no"}, {1: "none"}, {True: "no"}]),
        "constants": st.sampled_from([{"target": "Latvia"}, {"ally": "US"}, {"house": "x"}, {"wave": 3}, {"wave": ""}]),
        "traits": st.sampled_from([{"age": "age"}, {"age": "age", "educ": "educ"}, {"ally": "age"}, {"x y": "age"}]),
        "levels": st.sampled_from([(MAP,), (MAP, MAP), (ac.LevelMap("x", ()),),
                                   (ac.LevelMap("country", (("PL", ""),)),)]),
        "slider": st.sampled_from([None, None, ac.Slider(0, 100)]),
    },
)  # fmt: skip
PEOPLE = (*ROLES, "age", "educ")


# --- what a door may do ---------------------------------------------------------------------------
def tried(door, *args, **options):
    """What the door gives, or the error of ours that it raises; only warnings of ours may be heard."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for category in (DataWarning, IdentificationWarning):
            warnings.simplefilter("ignore", category)
        try:
            return door(*args, **options)
        except AcError as found:
            error = found
    str(error).encode("utf-8", "backslashreplace")
    if isinstance(error, DataError | SpecError | PredictError):
        assert error.problems
        assert all(p.message and len(p.rows) <= 5 for p in error.problems)
    return error


def accounted(value, frame=None):
    """Every row that was read was used or left out for a reason; tables hold what they say."""
    if isinstance(value, AcError):
        return
    report = value.report
    str(report).encode("utf-8", "backslashreplace")
    assert report.total("read") == report.total("used") + report.total("excluded")
    assert report.total("used") > 0
    assert all(line.what and line.count >= 0 for line in report.lines)
    if frame is not None:
        assert report.total("read") == len(frame)
    if isinstance(value, ac.Survey):
        table = value.table
        assert table["answer"].between(0, len(value.answers) - 1).all()
        assert (table["count"] > 0).all()
        labels = table[["country", "ally", "target", "wave", "population", "respondent", *value.traits]]
        assert labels.map(lambda x: type(x) is str).all(axis=None)
        if value.weighted:
            assert ((table["weight"] > 0) & np.isfinite(table["weight"])).all()
    else:
        assert len(value.rows) > 0
        for row in value.rows:
            room = 0 if value.rating is None else 0.5  # a mean that was rounded may have been beyond the end
            assert all(-room <= low <= high <= 1 + room for low, high in zip(row.lower, row.upper, strict=True))
            assert (row.n > 0).all()
            assert abs(row.n_weight.sum() - 1) < 1e-9


def people_door(case):
    frame, choice, options, engine = case
    roles, source = roles_of(choice), frame
    if engine != "pandas":
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source = pl.from_pandas(frame)
    if engine == "lazy" and isinstance(source, pl.DataFrame):
        source = source.lazy()
    before = frame.copy(deep=True)
    accounted(value := tried(ac.read_survey, source, roles=roles, **options), frame)
    assert frame.columns.equals(before.columns)
    assert frame.index.equals(before.index)
    if isinstance(value, ac.Survey) and "choice_set" in value.table:
        profiles = value.table[[*FACTORS, *value.traits]].drop_duplicates()
        found = tried(choices_of, [value.table], profiles, value.traits)
        assert isinstance(found, SpecError) or 2 * found.counts.sum() == value.table["count"].sum()
    if isinstance(value, ac.Survey) and "respondent" in choice[0]:
        population = tried(ac.population_from_weights, value, ("country", *value.traits[:1]))
        assert isinstance(population, Population | PredictError)
        if isinstance(population, Population):
            assert np.isfinite(population.total)
            assert population.total > 0


def counts_door(case):
    frame, counts, choice, constants = case
    roles = ac.Roles(**{r: r for r in choice})
    accounted(tried(ac.read_counts, frame, roles=roles, counts=counts, top=("yes",), constants=constants), frame)


def toplines_door(case):
    frame, options = case
    accounted(tried(ac.read_toplines, frame, **options), frame)


def means_door(case):
    frame, rating, words, constants = case
    accounted(tried(ac.read_means, frame, rating=rating, answers=words, constants=constants), frame)


def population_door(case):
    frame, keys, levels, share, size = case
    value = tried(ac.read_population, frame, keys=keys, levels=levels, share=share, size=size)
    assert isinstance(value, Population | PredictError)
    if isinstance(value, Population):
        sizes = pd.to_numeric(frame[size], errors="coerce").astype(float)
        assert abs(value.total - sizes.sum()) <= 1e-9 * abs(sizes.sum())
        assert (value.table["size"] >= 0).all()
        assert not value.table[list(value.keys)].duplicated().any()
        levels = {"country": ("PL", "DE", "US"), "age": ()}
        assert isinstance(tried(ac.check_population, value, levels), PredictError | None)


def raking_door(case):
    sizes, keys, tolerance = case
    populations = []
    for n, own in zip(sizes, keys, strict=False):
        columns = {k: [f"{k}{i % (j + 2)}" for i in range(len(n))] for j, k in enumerate(own)}
        found = tried(ac.read_population, pd.DataFrame(columns | {"count": n}), keys=own)
        populations += [found] if isinstance(found, Population) else []
    for seed in (None, *populations[:1]):
        raked = tried(ac.population_from_margins, seed, populations[1:], tolerance=tolerance)
        assert isinstance(raked, Population | PredictError)
        if isinstance(raked, Population):
            assert np.isfinite(raked.table["size"]).all()
            assert abs(raked.total - populations[1].total) <= 1e-6 * raked.total


def covariate_door(case):
    frame, by, value, standardize = case
    found = tried(ac.make_covariate, "mean", frame, by=by, value=value, standardize=standardize)
    if not isinstance(found, AcError):
        assert np.isfinite([v for _, v in found.values]).all()
        assert found.unit > 0


ATOP = {
    "dyads": pd.DataFrame({"ccode1": [2, 710, 2, 200, 2, 220], "ccode2": [290, 731, 255, 2, 200, 2], "year": [2015] * 6,
                           "atop_defense": [1, 0, 1, 1, 1, 0], "atop_offense": 0, "atop_neutral": 0, "atop_nonagg": 1,
                           "atop_consul": 1}),
    "alliances": pd.DataFrame({"atopid": range(6), "begyr": [1949, 2000, 1990, 2010, 2014, 2015],
                               "endyr": [0, 2016, 0, 2012, 0, 0], "defense": 1, "offense": 0, "neutral": 0, "nonagg": 1,
                               "consul": 1, "mem1": [2, 2, 290, 200, 2, 2], "mem2": [290, 255, 255, 2, 710, 731],
                               "mem3": [np.nan, 220, np.nan, np.nan, np.nan, np.nan]}),
}  # fmt: skip


def treaties_door(case):
    kind, spoil, asked, waves, carry = case
    atop = ATOP[kind].astype(object)
    for row, place, value in spoil:
        atop.iat[row, place % len(atop.columns)] = value
    found = tried(ac.join_atop, asked, atop, waves=waves, carry_forward=carry)
    if not isinstance(found, AcError):
        assert set(found.table["status"]) <= {"treaty", "no treaty", "unknown", "self", "after the data end"}
        assert len(found.table) == len(asked[["country", "ally", "wave"]].astype(str).drop_duplicates())
        tried(found.covariate, "defense", unknown=0.0)


def relabel_door(case):
    frame, maps = case
    found = tried(ac.relabel, frame, maps)
    if not isinstance(found, AcError):
        assert len(found) == len(frame)


# --- files, byte by byte --------------------------------------------------------------------------
PIECES = [
    b'"',
    b"\n",
    b",",
    b"\r\n",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b";",
    b"\xc3\xa9",
    b"=",
    b"[[",
    b"]",
    b"1e999",
]
SIGNS = st.text("aeimnosuwxyPLDEUS0123456789.,- _", min_size=1, max_size=4).map(str.encode)
edits = st.lists(
    st.tuples(
        st.sampled_from(["set"] * 5 + ["insert"] * 2 + ["cut", "copy", "end"]),
        st.integers(0, 2**16),
        st.one_of(SIGNS, SIGNS, st.sampled_from(PIECES), st.binary(min_size=1, max_size=4)),
    ),
    min_size=1, max_size=3,
)  # fmt: skip


def edited(whole, changes):
    """The bytes after some edits."""
    for what, where, bits in changes:
        i = where % max(len(whole), 1)
        match what:
            case "set":
                whole = whole[:i] + bits + whole[i + len(bits) :]
            case "insert":
                whole = whole[:i] + bits + whole[i:]
            case "cut":
                whole = whole[:i] + whole[i + 7 * len(bits) :]
            case "copy":
                whole = whole[:i] + whole[max(i - 40, 0) :]
            case "end":
                whole = whole[:i]
    return whole


@cache
def sound_file(ending):
    """The bytes of a sound file."""
    frame = pd.DataFrame({k: SOUND[k] for k in ("country", "ally", "answer", "count", "weight")})
    path = folder() / f"sound{ending}"
    match ending:
        case ".csv" | ".csv.gz":
            frame.to_csv(path, index=False)
        case ".parquet":
            frame.to_parquet(path)
        case ".sav":
            pyreadstat.write_sav(frame, path)
        case ".dta":
            pyreadstat.write_dta(frame, path)
    return path.read_bytes()


@cache
def folder():
    import atexit
    import shutil
    import tempfile

    path = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def file_door(ending):
    def door(changes):
        path = folder() / f"spoiled{ending}"
        path.write_bytes(edited(sound_file(ending), changes))
        roles = ac.Roles(country="country", ally="ally", answer="answer", count="count")
        accounted(tried(ac.read_survey, path, roles=roles, answers=("no", "maybe", "yes"), top=("yes",)))

    return door


def counted_door(changes):
    path = folder() / "counted.csv"
    path.write_bytes(edited(sound_file(".csv"), changes))
    roles = ac.Roles(country="country", ally="ally", answer="answer", count="count")
    accounted(tried(ac.read_survey, [path], roles=roles, answers=("no", "maybe", "yes"), top=("yes",)))


MODELS = [path.read_bytes() for path in sorted(models_dir().glob("*.toml"))]


def spec_file_door(case):
    which, changes = case
    path = folder() / "spoiled.toml"
    path.write_bytes(edited(MODELS[which % len(MODELS)], changes))
    found = tried(ac.read_spec, path)
    assert isinstance(found, ac.Spec | SpecError)
    if isinstance(found, ac.Spec):
        path.write_text(ac.spec_to_toml(found), encoding="utf-8")
        assert ac.read_spec(path) == found


def places(table, at=()):
    """Every place in a parsed file."""
    yield at
    items = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    for key, value in items:
        yield from places(value, (*at, key))


TABLES = [tomllib.loads(text.decode()) for text in MODELS]
PLACES = [list(places(table))[1:] for table in TABLES]
SPOILS = [
    None, 0, -1, 1.5, float("nan"), float("inf"), 10**400, True, "", " ", "x", "US", [], {}, [[]], [1],
    {"kind": "level"}, {"kind": 1}, {"name": "a"}, "2025-01-01", dt.date(2025, 1, 1), dt.time(1),
    dt.datetime(2025, 1, 1, tzinfo=UTC), "\x00", ["yes", "yes"], [{}], "drop", "a | b", b"x", object(),
]  # fmt: skip


def spec_table_door(case):
    which, changes = case
    which %= len(TABLES)
    table = tomllib.loads(MODELS[which].decode())
    for place, value in changes:
        *above, last = PLACES[which][place % len(PLACES[which])]
        inner = table
        with contextlib.suppress(LookupError, TypeError):  # an earlier change may have taken the place away
            for key in above:
                inner = inner[key]
            if value == "drop":
                del inner[last]
            else:
                inner[last] = value
    found = tried(spec_from_table, table)
    assert isinstance(found, ac.Spec | SpecError)
    if isinstance(found, ac.Spec):
        assert spec_from_table(tomllib.loads(ac.spec_to_toml(found))) == found


STUDY = {"task": "demo", "seed": 1, "label": "ü"}


@cache
def sound_journal():
    from alliancecred.journal import append

    path = folder() / "sound.jsonl"
    open_journal(path, STUDY)
    for i in range(3):
        append(path, f"item {i}", 0.5, {"x": i, "y": [1.5, "ü"]})
    return path.read_bytes()


def journal_door(changes):
    path = folder() / "spoiled.jsonl"
    path.write_bytes(edited(sound_journal(), changes))
    found = tried(open_journal, path, STUDY)
    if not isinstance(found, AcError):
        assert all(isinstance(key, str) for key in found)
        json.dumps(found)


@cache
def small_fit():
    frame = pd.DataFrame({k: SOUND[k] * 20 for k in ("country", "ally", "answer")})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        roles = ac.Roles(country="country", ally="ally", answer="answer")
        survey = ac.read_survey(frame.replace("maybe", "no"), roles=roles, answers=("no", "yes"), top=("yes",))
        spec = ac.Spec("door", ("no", "yes"), ("yes",), (ac.Level(("country",)), ac.Level(("ally",))))
        return ac.fit(spec, survey, random_seed=1, draws=50, method="laplace", progressbar=False)


def predict_door(case):
    frame, new, answer = case
    found = tried(ac.predict, small_fit(), frame, new_levels=new, answer=answer)
    if not isinstance(found, AcError):
        assert found.draws.sizes["row"] == len(frame)
        assert np.isfinite(found.draws.values).all()


# --- the doors ------------------------------------------------------------------------------------
def some(*values, usual=None, times=10):
    """One of these; ``usual`` several times as often."""
    return st.sampled_from([*values, *([usual] * times if usual is not None else [])])


LEFT_OUT = [((("country", ("PL",)),), "why"), ((), ""), ((("x", ("PL",)),), "why")]
published = st.fixed_dictionaries(
    {"answers": answers, "top": tops},
    optional={
        "overdispersion": some(0.0, 0.01, 0.5, float("nan"), "x", None),
        "constants": some({"target": "x"}, {"ally": "x"}, {"n_kind": "exact"}, {"x": "y"}, {"pct": 3}),
        "exclude": some(*((ac.Exclusion(where, why),) for where, why in LEFT_OUT)),
    },
)
keys = some(
    ("country",), ("country", "age"), ("age", "educ"), {"country": "country", "age": "educ"}, (), ("ally",), ("size",),
    ("country", "country"), {"a b": "age"}, "country", usual=("country", "age"),
)  # fmt: skip
AGES = [ac.LevelMap("age", (("20", "young"),)), ac.LevelMap("age", ((20, "x"),))]
maps = some((MAP,), *((m,) for m in AGES), (MAP, MAP), usual=())
sizes = st.lists(st.one_of(st.integers(0, 50), some(0, 1e-300, 1e300, 0.1, 10**11)), min_size=1, max_size=8)
waves = some((), tuple(ac.Wave(w, dt.date(2015, 1, 1), dt.date(2015, 2, 1)) for w in ("w1", "w2")))
YEARS = pd.DataFrame({"country": ["PL", "US", "JP"], "ally": ["US", "US", "CN"], "wave": ["2015", "2015", "2011"]})
flag, of_spec = st.booleans(), st.integers(0, 50)
cell = st.tuples(st.integers(0, 5), st.integers(0, 20), st.sampled_from(NASTY))
place = st.tuples(st.integers(0, 10**6), st.sampled_from(SPOILS))


def people_from(engine):
    return st.tuples(frames(*PEOPLE), chosen(*ROLES), SURVEY_OPTIONS, st.just(engine)), people_door


DOORS = {
    "people": people_from("pandas"),
    "polars": people_from("polars"),
    "lazy": people_from("lazy"),
    "counts": (
        st.tuples(
            frames("country", "ally", "wave", "low", "high"),
            some({"yes": "low"}, {"no": "low", "yes": "low"}, {"no": 1, "yes": 2}, usual={"no": "low", "yes": "high"}),
            st.sets(some("country", "ally", "wave", "weight"), max_size=3),
            some({}, {"target": "x"}, {"ally": "x"}, {"x": "y"}),
        ),
        counts_door,
    ),
    "toplines": (
        st.tuples(frames("country", "ally", "wave", "answer", "pct", "precision", "n", "n_kind"), published),
        toplines_door,
    ),
    "means": (
        st.tuples(
            frames("country", "ally", "wave", "mean", "sd", "n"),
            some(ac.Rating(1, 7), ac.Rating(5, 5), usual=ac.Rating(0, 10)),
            some(("never",), (), usual=("never", "surely")),
            some({"precision": "exact"}, {"precision": "integer"}, {"se": "0.1"}, usual={"precision": "one decimal"}),
        ),
        means_door,
    ),
    "population": (
        st.tuples(frames("country", "age", "educ", "count"), keys, maps, flag, some("n", "age", usual="count")),
        population_door,
    ),
    "raking": (
        st.tuples(
            st.lists(sizes, min_size=1, max_size=4),
            st.lists(some(("country",), ("age",), ("country", "age"), ("educ",)), min_size=1, max_size=4),
            some(1e-9, 1e-3),
        ),
        raking_door,
    ),
    "covariates": (
        st.tuples(
            frames("country", "ally", "mean"),
            some((), ("x",), ("country", "country"), "country", usual=("country", "ally")),
            some("n", usual="mean"),
            flag,
        ),
        covariate_door,
    ),
    "treaties": (
        st.tuples(
            st.sampled_from([*ATOP]),
            st.lists(cell, max_size=4),
            st.one_of(st.just(YEARS), frames("country", "ally", "wave")),
            waves,
            flag,
        ),
        treaties_door,
    ),
    "level maps": (st.tuples(frames("country", "age"), maps), relabel_door),
    "predictions": (
        st.tuples(frames("country", "ally"), some("refuse", "draw", "x"), some("top", "mean", "no", "x")),
        predict_door,
    ),
    "csv": (edits, file_door(".csv")),
    "several csv": (edits, counted_door),
    "csv.gz": (edits, file_door(".csv.gz")),
    "parquet": (edits, file_door(".parquet")),
    "sav": (edits, file_door(".sav")),
    "dta": (edits, file_door(".dta")),
    "spec files": (st.tuples(of_spec, edits), spec_file_door),
    "spec tables": (st.tuples(of_spec, st.lists(place, min_size=1, max_size=3)), spec_table_door),
    "journals": (edits, journal_door),
}


def survive(name, examples):
    """Try a door with so many examples; what it must not do fails here."""
    cases, door = DOORS[name]
    quick = settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck],
                     phases=(Phase.explicit, Phase.generate, Phase.shrink), database=None)  # fmt: skip
    quick(given(cases)(lambda case: door(case)))()


@pytest.mark.parametrize("name", DOORS)
def test_rubbish_gives_a_value_or_an_error_of_ours(name):
    survive(name, FEW)


# --- what rubbish found: each was once another exception, or no word at all -----------------------
def people(**columns):
    return pd.DataFrame({k: SOUND[k] for k in ("country", "ally", "answer")} | columns)


def read(source, **roles):
    given_roles = ac.Roles(**({"country": "country", "ally": "ally", "answer": "answer"} | roles))
    return ac.read_survey(source, roles=given_roles, answers=SCALE, top=("yes",))


def test_a_table_of_weights_without_rows_has_no_rows():
    with pytest.raises(ac.SchemaError, match="0 rows"):
        read(people(weight=1.5).head(0), weight="weight")


def test_weights_whose_squares_are_no_numbers_are_refused():
    for weight, words in ((1e300, r"1 weights are above 1e\+12"), (1e-300, "1 weights are between 0 and 1e-12")):
        with pytest.raises(ac.WeightError, match=words):
            read(people(weight=[weight, *SOUND["weight"][1:]]), weight="weight")


def test_people_of_whom_a_factor_cannot_be_read_are_not_counted():
    frame = pl.from_pandas(people(respondent=[f"r{i}" for i in range(6)], country=dt.date(2025, 1, 1))).lazy()
    with pytest.raises(ac.SchemaError, match="country: holds dates"):
        read(frame, respondent="respondent")


def test_files_without_rows_and_without_the_columns_asked_for(tmp_path):
    (tmp_path / "a.csv").write_text("countr")
    with pytest.raises(ac.SchemaError, match="0 rows"):
        read([tmp_path / "a.csv"])


@pytest.mark.filterwarnings("ignore::alliancecred.DataWarning", "ignore::alliancecred.IdentificationWarning")
def test_halves_of_characters_are_no_labels():
    with pytest.raises(ac.LevelError, match=r"country: labels are no valid text: '\\udcff' \(rows 0\)"):
        read(people(country=pd.Series(["\udcff", *SOUND["country"][1:]], dtype=object)))
    with pytest.raises(PredictError, match="labels are no valid text"):
        ac.predict(small_fit(), pd.DataFrame({"country": ["PL"], "ally": ["\ud800"]}, dtype=object), new_levels="draw")
    same = ac.predict(small_fit(), pd.DataFrame({"country": ["PL"], "ally": pd.Categorical(["US"])}))
    assert same.draws.sizes["row"] == 1


def test_time_spans_are_no_numbers():
    found = tried(ac.read_counts, pd.DataFrame({"c": ["PL"], "no": pd.Series([np.timedelta64(3, "D")], dtype=object),
                                                "yes": [1j]}), roles=ac.Roles(country="c"),
                  counts={"no": "no", "yes": "yes"}, top=("yes",))  # fmt: skip
    assert [p.column for p in found.problems] == ["no", "yes"]
    assert all("1 counts are no number" in p.message for p in found.problems)


def test_times_at_the_end_of_all_years_are_no_days():
    late = dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-5)))
    with pytest.raises(ac.SchemaError, match="6 values are no dates"):
        read(people(date=[late] * 6), date="date")


def test_published_means_are_as_precise_as_they_say():
    row = {"country": ["DE"], "wave": ["1"], "mean": [6.3], "se": [0.1], "precision": ["one decimal"]}
    options = {"rating": ac.Rating(0, 10), "answers": ("never", "surely"), "constants": {"ally": "US"}}
    assert len(ac.read_means(pd.DataFrame(row), **options)) == 1
    for change, words in (
        ({"precision": "integer"}, "mean: 1 × not rounded to integer: '6.3' .*say 'one decimal'"),
        ({"se": 1e-9}, "se: 1 × too small for answers of people: '1e-09'"),
        ({"se": 1e-320}, "se: 1 × too small"),
        ({"sd": 2.0, "n": 1e300}, "n: 1 × more people than there can be"),
    ):
        with pytest.raises(ac.OutcomeError, match=words):
            ac.read_means(pd.DataFrame(row).assign(**change), **options)


def test_text_in_a_parquet_file_that_is_no_text_is_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 2], np.int32)), pa.py_buffer(b"P\xff")]
    )
    table = pa.table({"country": broken, "ally": ["US"], "answer": ["no"]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(ac.SchemaError, match=r"a.parquet: (cannot be read|is not UTF-8)"):
        read(tmp_path / "a.parquet")


def test_a_stata_file_that_says_it_has_too_many_rows_is_refused(tmp_path):
    whole = sound_file(".dta")
    at = whole.index(b"<N>") + 3
    assert int.from_bytes(whole[at : at + 4], "little") == ROWS
    (tmp_path / "a.dta").write_bytes(whole[:at] + (10**9).to_bytes(4, "little") + whole[at + 4 :])
    with pytest.raises(ac.SchemaError, match=r"says it has 1,000,000,000 rows of 5 columns, which [\d,]+ bytes cannot"):
        read(tmp_path / "a.dta")


def test_an_spss_column_without_a_name_is_none_of_ours(monkeypatch, tmp_path):
    (tmp_path / "a.sav").write_bytes(sound_file(".sav"))
    true = pyreadstat.read_sav

    def nameless(path, **options):
        frame, facts = true(path, **options)
        facts.column_names = [None if c == "weight" else c for c in facts.column_names]
        return frame, facts

    monkeypatch.setattr(pyreadstat, "read_sav", nameless)
    with pytest.raises(ac.SchemaError, match="weight: no such column"):
        read(tmp_path / "a.sav", weight="weight")


def test_sizes_that_no_population_has_are_refused():
    for size, words in ((1e300, r"1 sizes are above 1e\+12: 1e\+300"), (1e-300, "1 sizes are between 0 and 1e-12")):
        with pytest.raises(PredictError, match=words):
            ac.read_population(pd.DataFrame({"age": ["a", "b"], "count": [1.0, size]}), keys=("age",))


def test_sizes_that_are_lists_are_refused():
    sizes = pd.Series([1, [1], 2], dtype=object)
    with pytest.raises(PredictError, match=r"1 sizes are no number: \[1\] \(rows 1\)"):
        ac.read_population(pd.DataFrame({"age": list("abc"), "count": sizes}), keys=("age",))


def test_covariates_have_labels_and_numbers_as_surveys_do():
    frame = pd.DataFrame({"country": [1.0, 2.0], "x": ["1.5", 2]})
    assert ac.make_covariate("x", frame, by="country").values == (("1", 1.5), ("2", 2.0))
    twice = pd.concat([frame, frame[["country"]]], axis=1)
    for other, options, words in (
        (twice, {}, "country: duplicate column names"),
        (frame.assign(x=[1j, 2]), {}, "x: 2 values are missing or no numbers"),
        (frame.assign(country=pd.Series(["\udcff", "b"], dtype=object)), {}, "no valid text"),
        (frame.head(0), {}, "0 rows"),
        (frame, {"by": ()}, "each factor once"),
        (frame, {"by": ("country", "country")}, "each factor once"),
    ):
        with pytest.raises(DataError, match=words):
            ac.make_covariate("x", other, **({"by": "country"} | options))


def test_atop_with_impossible_numbers_leaves_rows_out_and_counts_them():
    alliances = ATOP["alliances"].astype(object)
    alliances.loc[0, "endyr"], alliances.loc[1, "begyr"], alliances.loc[2, "mem1"] = 2**63, None, "x"
    with pytest.warns(DataWarning) as caught:
        assert set(ac.join_atop(YEARS, alliances).table["status"]) <= {"treaty", "no treaty", "self", "unknown"}
    assert any(str(w.message).startswith("2 pairs of states and years lack a number") for w in caught)
    for other, words in (
        (ATOP["dyads"].assign(year="x"), "no row of the file has all its numbers"),
        (pd.concat([ATOP["dyads"], ATOP["dyads"][["year"]]], axis=1), r"duplicate column names \['year'\]"),
        (ATOP["alliances"].head(0), "no row of the file"),
    ):
        with pytest.raises(ac.SchemaError, match=words):
            ac.join_atop(YEARS, other)
    with pytest.raises(ac.SchemaError, match=r"no year for \['1e9'\]"):
        ac.join_atop(YEARS.assign(wave="1e9"), ATOP["dyads"])


def test_specs_with_numbers_beyond_all_numbers_and_attributes_without_levels():
    base = {"name": "demo", "answers": ["no", "yes"], "top": ["yes"], "terms": [{"kind": "level", "by": ["country"]}]}
    with pytest.raises(SpecError, match=r"intercept.mean: expected a finite number"):
        spec_from_table(base | {"intercept": {"mean": 10**400, "sd": 1}})
    attributes = [{"name": "a", "levels": []}, {"name": "b", "levels": ["x", "y"]}]
    with pytest.raises(SpecError, match=r"attributes.a: at least two levels are needed, got 0"):
        spec_from_table(base | {"attributes": attributes, "restrictions": [{"where": {"a": ["z"], "b": ["x"]}}]})


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in DOORS])
def test_much_rubbish_gives_a_value_or_an_error_of_ours(name):
    survive(name, MANY)
