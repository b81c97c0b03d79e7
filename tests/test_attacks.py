"""Files, labels and paths from people who mean harm, by kind of attack (1-10): nothing runs, leaks, hangs or lies."""

import importlib
import json
import os
import re
import stat
import subprocess
import sys
import time
import tomllib
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import h5py
import hostile
import numpy as np
import pandas as pd
import pytest
import tomli_w
import xarray as xr
from test_report import read as read_page

import alliancecred as ac
from alliancecred import check
from alliancecred.cli import plain
from alliancecred.errors import IntegrityError, SpecError, StoreError, TooLargeError, listening, nearest, within_memory
from alliancecred.files import replace_file
from alliancecred.fitting import prepare
from alliancecred.opening import open_sources, path_problem
from alliancecred.origins import PopulationFile, ToplineFile
from alliancecred.report import Contents, Picture, evaluate_all, full_table, render
from alliancecred.sealed import manifest, seal
from alliancecred.spec_file import LARGEST, models_dir, read_spec, spec_from_toml, spec_to_toml
from alliancecred.store import slug, write_draws
from alliancecred.summaries import write_csv

ROOT = Path(__file__).parents[1]
TEXT = 'name = "demo"\nanswers = ["no", "yes"]\ntop = ["yes"]\nterms = [{kind = "level", by = ["country"]}]\n'
MARKUP = {"script", "svg", "iframe", "object", "embed", "link", "form", "base", "video"}


@contextmanager
def under(seconds: float):
    """Fail if this thread works longer: quadratic searches take minutes here, linear ones part of a second."""
    start = time.thread_time()
    yield
    assert time.thread_time() - start < seconds


@pytest.fixture(scope="module")
def fit():
    with listening():
        return hostile.fit()


@pytest.fixture(scope="module")
def stored(fit, tmp_path_factory):
    return ac.save(fit, tmp_path_factory.mktemp("attacks") / "fit.nc")


# --- 1. spec files ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEXT + 'name = "again"\n', "not valid TOML"),
        (TEXT + "intercept = {mean = nan, sd = 1.0}\n", "finite number"),
        (TEXT + "intercept = {mean = 1e400, sd = 1.0}\n", "finite number"),
        (TEXT + "intercept = {mean = 0.0, sd = -inf}\n", "finite number"),
        (TEXT + "x = " + "[" * 100_000, "not valid TOML"),
        (TEXT + "x = " + "9" * 10_000, "not valid TOML"),
        (TEXT + "x = !!python/object/apply:os.system ['touch owned']", "not valid TOML"),
        (TEXT + "title = *bomb", "not valid TOML"),
        (TEXT + '"__class__" = "x"\n', "unknown key"),
        (TEXT + 'title = {"__reduce__" = "os.system"}\n', "expected a str"),
        (TEXT.replace('"level"', '"__import__"'), "unknown kind"),
        (TEXT.replace('"demo"', '"de\\u0000mo"'), "name"),
    ],
    ids=range(12),
)
def test_1_a_spec_that_is_no_spec_is_refused(text, said):
    with under(5), pytest.raises(SpecError, match=said):
        spec_from_toml(text)


def test_1_a_spec_of_a_hundred_megabytes_is_not_read(tmp_path):
    path = tmp_path / "big.toml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    with under(1), pytest.raises(SpecError, match=f"100,000,000 bytes, a spec at most {LARGEST:,} → "):
        read_spec(path)
    with pytest.raises(SpecError, match="is no path"):
        read_spec("a\0.toml")


# --- 2. formulas, templates ---------------------------------------------------------------------
def test_2_text_is_text_wherever_it_goes(fit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    levels = ac.levels(fit, by=("country", "wave"))
    table = ac.summary(levels)
    assert set(table["country"]) == set(hostile.COUNTRIES)
    assert set(table["wave"]) == set(hostile.WAVES)
    assert spec_from_toml(spec_to_toml(fit.spec)) == fit.spec
    for country in hostile.COUNTRIES:
        assert country in ac.describe(levels.at(country=country))
    for term in ("country + os.system('touch owned')", "C(country)", "np.load('x')", "{country}"):
        with pytest.raises(SpecError):
            prepare(replace(fit.spec, terms=(ac.Level((term,)),)), hostile.survey())
    assert not list(tmp_path.iterdir())


# --- 3. paths -----------------------------------------------------------------------------------
PATHS = ("../../../etc/passwd", "/etc/passwd", "~/x.csv", "~root/x.csv", "file:///etc/passwd", "\\\\host\\x.csv",
         "C:x.csv", "a\0.csv", "http://example.org/x.csv", "sub/../../x.csv", "x.csv/..", ".", "\n")  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_3_a_spec_reads_nothing_outside_its_folder(tmp_path, path):
    inside = tmp_path / "inside"
    (inside / "sub").mkdir(parents=True)
    (tmp_path / "x.csv").write_text("secret")
    assert path_problem(path, inside)
    spec = read_spec(models_dir() / "microcode_2025.toml")
    people = PopulationFile(path, (("country", "c"),), "n")
    for changed in (replace(spec, sources=(ToplineFile(path),)), replace(spec, population=people)):
        with pytest.raises(SpecError, match=r"sources\[0\]|population") as caught:
            open_sources(changed, inside)
        assert "secret" not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="no links, no pipes")
def test_3_links_and_pipes_are_no_files_beside_the_spec(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "x.csv").write_text("secret")
    (inside / "file.csv").symlink_to(tmp_path / "x.csv")
    (inside / "folder").symlink_to(tmp_path)
    (inside / "loop").symlink_to(inside / "loop")
    os.mkfifo(inside / "pipe.csv")
    found = [path_problem(p, inside) for p in ("file.csv", "folder/x.csv", "loop", "loop/x.csv", "pipe.csv")]
    out = "leads out of the folder of the spec"
    assert found == [out, out, "does not exist", "does not exist", "is no file"]


@pytest.mark.parametrize("label", ["../../Germany", "CON", "con.", "nul", "LPT1", "x" * 300, ".", "-rf", "a\0b"])
def test_3_labels_are_harmless_as_names_of_files(label, tmp_path):
    name = slug(label)
    assert re.fullmatch(r"[a-z0-9_]{1,62}", name)
    assert name not in {"con", "nul", "lpt1"}
    write_csv(pd.DataFrame({"a": [1]}), tmp_path / f"{name}.csv")
    assert os.listdir(tmp_path) == [f"{name}.csv"]


def test_3_a_run_writes_into_its_folder_only(fit, tmp_path):
    (tmp_path / "out").mkdir()
    named = [e.named("../../owned") for e in evaluate_all(fit)]
    write_draws(fit.idata, named, tmp_path / "out" / "draws.nc")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["draws.nc", "out"]


# --- 4. saved fits ------------------------------------------------------------------------------
def forged(stored: Path, path: Path, change) -> Path:
    """A copy of a saved fit, changed in HDF5's own terms and sealed anew."""
    whole = stored.read_bytes()
    path.write_bytes(whole[: whole.rfind(b"\n# alliancecred")])
    with h5py.File(path, "r+") as file:
        change(file)
    path.write_bytes(seal(path.read_bytes(), "fit"))
    return path


def swap(file, name, make):
    del file[name]
    make(name)


def external_data(file):
    swap(file, "posterior/intercept", lambda n: file.create_dataset(
        n, (4, 500), "f8", external=[("/etc/passwd", 0, 16_000)]))  # fmt: skip


def virtual_data(file):
    layout = h5py.VirtualLayout((4, 500), "f8")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4, 500))
    swap(file, "posterior/intercept", lambda n: file.create_virtual_dataset(n, layout))


def links_to(link):
    return lambda file: file["posterior"].__setitem__("more", link)


def hard_loop(file):
    file["posterior/loop"] = file["/"]


def soft_loop(file):
    file["a"], file["b"] = h5py.SoftLink("/b"), h5py.SoftLink("/a")


def absurd(file):
    swap(file, "posterior/intercept", lambda n: file.create_dataset(n, (10**6, 10**6), "f8", chunks=(1, 1)))


def absurd_late(file):
    """10^12 entries without a byte of content: HDF5 allocates when it is written to, and reads back zeros."""
    kind = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    kind.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    del file["posterior/intercept"]
    space = h5py.h5s.create_simple((10**6, 10**6))
    h5py.h5d.create(file["posterior"].id, b"intercept", h5py.h5t.NATIVE_DOUBLE, space, kind)


def compressed(file):
    swap(file, "posterior/intercept", lambda n: file.create_dataset(
        n, (4, 500), "f8", data=np.zeros((4, 500)), compression="gzip"))  # fmt: skip


def pickled(file):
    data = np.frombuffer(b"\x80\x04cos\nsystem\n(S'touch owned'\ntR.", dtype="V1")
    file.create_dataset("posterior/pickle", data=data)


def long_texts(file):
    file.create_dataset("posterior/text", data=["x"] * 10, dtype=h5py.string_dtype())


def huge_attribute(file):
    file.attrs["notes"] = "x" * 50_000_000


def many_attributes(file):
    file.attrs["notes"] = ["x" * 1000] * 10_000


def nan_draws(file):
    file["posterior/intercept"][0, 3] = np.nan


def shorter_labels(file):
    labels = file["posterior/country"][:-1]
    swap(file, "posterior/country", lambda n: file.create_dataset(n, data=labels))


def moved_draws(file):
    file["posterior/intercept"][...] += 1


def edited_spec(file):
    file.attrs["spec"] = (
        str(file.attrs["spec"]).replace("half_normal", "normal").replace('name = "hostile"', 'name = "x"')
    )


def no_manifest(file):
    del file.attrs["manifest"]


def deep_manifest(file):
    file.attrs["manifest"] = "[" * 100_000


ATTACKS = {f.__name__: f for f in (
    external_data, virtual_data, hard_loop, soft_loop, absurd, absurd_late, compressed, pickled, long_texts,
    huge_attribute, many_attributes, nan_draws, shorter_labels, moved_draws, edited_spec, no_manifest, deep_manifest,
)} | {
    "external_link": links_to(h5py.ExternalLink("/etc/passwd", "/x")),
    "soft_link": links_to(h5py.SoftLink("/posterior/intercept")),
    "soft_link_to_nothing": links_to(h5py.SoftLink("/nowhere")),
}  # fmt: skip


# where reading would fail by itself, later: it must not come to that
SAID = dict.fromkeys(("external_link", "soft_link", "soft_link_to_nothing", "soft_loop"), "is a link") | {
    "hard_loop": "is there twice",
    "absurd_late": "cannot hold",
    "external_data": "does not lie in this file",
    "virtual_data": "does not lie in this file",
    "compressed": "does not lie in this file",
    "pickled": "not numbers or text",
    "long_texts": "not numbers or text",
    "huge_attribute": "attribute 'notes' of more than",
    "many_attributes": "attribute 'notes' of",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_4_a_forged_file_is_refused(attack, stored, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = forged(stored, tmp_path / "fit.nc", ATTACKS[attack])
    assert path.stat().st_size < 60_000_000
    with under(5), pytest.raises(IntegrityError, match=SAID.get(attack, r"fit\.nc")):
        ac.load(path)
    assert os.listdir(tmp_path) == ["fit.nc"]


def relisted(file_path: Path, change) -> None:
    """Forge more cleverly: the list of digests is made anew too."""
    whole = file_path.read_bytes()
    file_path.write_bytes(whole[: whole.rfind(b"\n# alliancecred")])
    with h5py.File(file_path, "r+") as file:
        change(file)
    with xr.open_datatree(file_path, engine="h5netcdf") as tree:
        listed = json.dumps(manifest(tree.load()))
    with h5py.File(file_path, "r+") as file:
        file.attrs["manifest"] = listed
    file_path.write_bytes(seal(file_path.read_bytes(), "fit"))


def other_terms(file):
    text = str(file.attrs["spec"])
    table = tomllib.loads(text)
    table["terms"] = table["terms"][:1]
    changed = tomli_w.dumps(table)
    file.attrs["spec"] = changed
    file.attrs["spec_digest"] = spec_from_toml(changed).digest


def other_counts(file):
    file["cells/counts"][0, 0] += 1


def wild_codes(file):
    file["cells/codes/values"][0, 0] = 99


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edited_spec, "its spec is not the one that was fitted"),
        (other_terms, "are not those of its spec and cells"),
        (other_counts, "its cells are not those that were fitted"),
        (wild_codes, "are not among its levels"),
        (nan_draws, "not finite"),
    ],
)
def test_4_parts_that_do_not_belong_together_are_refused(change, said, stored, tmp_path):
    path = tmp_path / "fit.nc"
    path.write_bytes(stored.read_bytes())
    relisted(path, lambda file: None)
    ac.load(path)
    relisted(path, change)
    with pytest.raises(IntegrityError, match=said):
        ac.load(path)


@pytest.mark.parametrize("content", [b"", b"cos\nsystem\n(S'touch owned'\ntR.", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"])
def test_4_what_is_no_netcdf_is_refused(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for whole in (content, seal(content, "fit")):
        (tmp_path / "fit.nc").write_bytes(whole)
        with pytest.raises(IntegrityError):
            ac.load("fit.nc")
    (tmp_path / "store.nc").mkdir()
    (tmp_path / "store.nc" / ".zgroup").write_text('{"zarr_format": 2}')
    with pytest.raises(StoreError):
        ac.load("store.nc")
    assert sorted(os.listdir(tmp_path)) == ["fit.nc", "store.nc"]


# --- 5. the report ------------------------------------------------------------------------------
def test_5_no_label_of_the_data_becomes_markup(fit):
    estimates = tuple(replace(e, status="passed") for e in evaluate_all(fit))
    table = full_table(fit.spec, estimates)
    cells = check.ppc(fit)
    bad = (*hostile.COUNTRIES, *hostile.ALLIES)
    contents = Contents(
        fit, estimates, (), table, ac.summary(list(estimates)), cells, cells, bad, bad, bad[0], ((bad[0], bad[8]),),
        "2025-01-01", 1.0,
    )  # fmt: skip
    page = render(contents, [Picture(bad[0], bad[8], b"", b"", 7.0, ())])
    reader = read_page(page)
    assert {tag for tag, _ in reader.elements}.isdisjoint(MARKUP)
    for tag, attrs in reader.elements:
        assert not [a for a in attrs if a.startswith("on")]
        kinds = "application/pdf|text/csv|text/plain" if "download" in attrs else "none"
        assert re.match(rf"#|[\w./]+\Z|data:({kinds});base64,[A-Za-z0-9+/=]*\Z", attrs.get("href", "#")), (tag, attrs)
        assert attrs.get("src", "data:").startswith("data:")
    text = "".join(reader.text)
    for label in bad:
        assert label.replace("\x1b", "").replace("\x07", "") in text
    assert "\x1b" not in page
    assert page.index("Content-Security-Policy") < page.index("<title")
    assert "default-src &#x27;none&#x27;" in page


# --- 6. spreadsheets ----------------------------------------------------------------------------
def test_6_no_cell_is_a_formula_and_numbers_are_numbers(tmp_path):
    texts = ["=1+1", "+cmd", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1", "-5", 'a"b', "a,b\nc"]
    frame = pd.DataFrame({"=x": texts, "n": np.linspace(-3, 3, len(texts)), "i": np.arange(-6, 6)})
    frame["mixed"] = pd.Series([-1.5, "=1", None, -2, True, "x", 0.0, -0.0, 1e-300, np.inf, "-1", "ok"], dtype=object)
    back = pd.read_csv(write_csv(frame, tmp_path / "t.csv"), keep_default_na=False)
    assert list(back) == ["'=x", "n", "i", "mixed"]
    np.testing.assert_array_equal(back["n"], frame["n"])
    assert back["i"].dtype.kind == "i"
    assert [x.removeprefix("'") for x in back["'=x"]] == [x.removeprefix("'") for x in texts]
    for cell in [*back["'=x"], *(x for x in back["mixed"] if not re.fullmatch(r"-?[\d.e+-]+|-?inf", str(x)))]:
        assert not str(cell).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))
    assert back["mixed"][0] == "-1.5"
    assert back["mixed"][10] == "'-1"


# --- 7. terminals -------------------------------------------------------------------------------
@pytest.mark.parametrize("bad", ["\x1b]0;t\x07", "\x1b[2J", "\r", "\x08", "\x9b3m", "\u202e", "\u2066", "\x7f"])
def test_7_no_label_steers_a_terminal(bad):
    assert plain(f"a{bad}b\nc").startswith("a")
    assert not set(plain(f"a{bad}b\nc")) & set(bad) - set("[]0;t2J31m")


def test_7_messages_of_the_command_are_plain(tmp_path, capsys):
    from alliancecred.cli import WRONG_INPUT, main

    path = tmp_path / "a.toml"
    path.write_text(TEXT.replace("country", "\\u001b]0;owned\\u0007\\u202e"), encoding="utf-8")
    assert main(["check", str(path)]) == WRONG_INPUT
    shown = capsys.readouterr()
    assert not set(shown.err + shown.out) & set("\x1b\x07\u202e")


# --- 8. temporary files and compiled code -------------------------------------------------------
def test_8_temporary_names_cannot_be_guessed_or_followed(tmp_path, monkeypatch):
    seen = []
    really = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (seen.append(Path(a).name), really(a, b)))
    for _ in range(3):
        replace_file(tmp_path / "x", b"")
    assert len(set(seen)) == 3
    assert all(re.fullmatch(r"\.[0-9a-f]{32}\.tmp", name) for name in seen)
    files = importlib.import_module("alliancecred.files")
    name = "0" * 32
    (tmp_path / "secret").write_text("mine")
    (tmp_path / f".{name}.tmp").symlink_to(tmp_path / "secret")
    monkeypatch.setattr(files.uuid, "uuid4", lambda: type("U", (), {"hex": name}))
    with pytest.raises(FileExistsError):
        replace_file(tmp_path / "x", b"ours")
    assert (tmp_path / "secret").read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="no modes")
def test_8_compiled_code_lies_where_others_cannot_write():
    from alliancecred import kernel

    folder = Path(kernel._add._cache.cache_path)
    for place in (folder, *folder.glob("*.nb?")):
        assert not place.stat().st_mode & (stat.S_IWOTH | stat.S_IWGRP), place


# --- 9. supply chain ----------------------------------------------------------------------------
def test_9_every_package_of_the_lock_has_digests_and_comes_from_one_index():
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    own = [p for p in lock["package"] if p["source"] != {"registry": "https://pypi.org/simple"}]
    assert [(p["name"], p["source"]) for p in own] == [("alliancecred", {"editable": "."})]
    others = [p for p in lock["package"] if p not in own]
    assert len(others) > 50
    for package in others:
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert files, package["name"]
        for file in files:
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", file["hash"]), package["name"]
            assert file["url"].startswith("https://files.pythonhosted.org/"), package["name"]


def test_9_nothing_of_ours_runs_at_install_time():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["build-system"]["build-backend"] == "hatchling.build"
    assert not {"hooks"} & set(project["tool"]["hatch"]["build"])
    assert not (ROOT / "setup.py").exists()


def test_9_nothing_is_unpickled_or_evaluated():
    loaded = r"^\s*(import|from) (pickle|cloudpickle|dill|marshal|shelve|yaml)\b"
    words = re.compile(loaded + r"|\b(eval|exec|__import__)\(|allow_pickle|os\.system")
    found = [
        f"{p.name}:{i}"
        for p in (ROOT / "src").rglob("*.py")
        for i, line in enumerate(p.read_text(encoding="utf-8").splitlines(), 1)
        if words.search(line) and ">>>" not in line
    ]
    assert found == []


# --- 10. denial ---------------------------------------------------------------------------------
@pytest.mark.slow
def test_10_a_million_labels_are_read_and_a_fit_of_them_is_refused():
    n = 10**6
    frame = pd.DataFrame({"c": [f"country {i}" for i in range(n)], "a": np.tile(["no", "yes"], n // 2)})
    roles = ac.Roles(country="c", answer="a")
    with under(60), listening():
        survey = ac.read_survey(frame, roles=roles, answers=("no", "yes"), top=("yes",), constants={"ally": "US"})
    assert len(survey) == n
    spec = ac.Spec("million", ("no", "yes"), ("yes",), (ac.Level(("country",)),))
    with under(120), listening(), pytest.raises(TooLargeError, match="memory"):
        ac.fit(spec, survey, random_seed=1, method="nuts")
    declared = replace(spec, countries=tuple(f"land {i}" for i in range(3000)))
    with under(60), listening(), pytest.raises(SpecError, match="and 2970 more"):
        ac.fit(declared, survey)


def test_10_searches_are_not_quadratic():
    n = 20_000
    frame = pd.DataFrame({"c": [f"country {i}" for i in range(n)], "a": np.tile(["no", "yes"], n // 2)})
    roles = ac.Roles(country="c", answer="a")
    options = {"answers": ("no", "yes"), "top": ("yes",), "constants": {"ally": "US"}}
    spec = ac.Spec("many", ("no", "yes"), ("yes",), (ac.Level(("country",)),))
    with under(3), listening():
        prepare(spec, ac.read_survey(frame, roles=roles, **options))
    with under(1):
        assert nearest("x" * 10**6, [f"land {i}" for i in range(10**5)]).endswith("and 99970 more")


@pytest.mark.parametrize("char", ["1", "-", " ", "a", ".", "0-", "\u0301", "don't know "])
def test_10_no_pattern_backtracks(char):
    label = char * 100_000 + "!"
    frame = pd.DataFrame({"c": [label, "PL"], "w": [label, "w"], "a": ["no", "yes"]})
    with under(3), listening():
        ac.read_survey(
            frame, roles=ac.Roles(country="c", answer="a", wave="w"), answers=("no", "yes"), top=("yes",),
            constants={"ally": "US"},
        )  # fmt: skip
        slug(label)
        with pytest.raises(ac.DataError):
            ac.read_survey(frame.assign(a=[label, "yes"]), roles=ac.Roles(country="c", answer="a"),
                           answers=("no", "yes"), top=("yes",), constants={"ally": "US"})  # fmt: skip


def test_10_running_out_of_memory_is_an_error_of_ours():
    with pytest.raises(TooLargeError, match=r"ran out of memory .* → ask for fewer draws"), within_memory():
        np.zeros((10**9, 10**9))


def test_10_a_deep_study_file_is_refused(tmp_path):
    (tmp_path / "s.jsonl").write_text("[" * 200_000 + "\n")
    code = "import alliancecred as ac, sys; ac.run_study(print, {}, identity={}, path=sys.argv[1], progressbar=False)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "s.jsonl")], capture_output=True, text=True, check=False
    )
    assert "IntegrityError: line 1 of s.jsonl cannot be read" in done.stderr
