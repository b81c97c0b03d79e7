"""Fits in files: the same fit back, every changed bit refused, an old file safe whatever happens to a new one."""

import errno
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import alliancecred as ac
from alliancecred.errors import IntegrityError, StoreError, VersionError
from alliancecred.files import check_room, make_folder, replace_file
from alliancecred.fitting import fit_design, prepare
from alliancecred.gates import Diagnosis
from alliancecred.gaussian import Gaussian
from alliancecred.opening import open_sources
from alliancecred.priors import LogNormal
from alliancecred.report import prior_fit
from alliancecred.sealed import FORMAT, manifest, read_sealed, seal, write_sealed
from alliancecred.spec_file import models_dir, read_spec
from alliancecred.studies import cells_digest
from models import RICH, make, make_spec

STORED = Path(__file__).parent / "stored"
REASON = "No space left on device"


def content_digest(fit) -> str:
    """SHA-256 of the draws of every variable."""
    draws = b"".join(fit.posterior[k].values.tobytes() for k in sorted(map(str, fit.posterior)))
    return hashlib.sha256(draws).hexdigest()


def assert_same(one, other):
    assert one.spec == other.spec
    assert cells_digest(one.cells) == cells_digest(other.cells)
    assert one.cells.levels == other.cells.levels
    assert one.cells.reports == other.cells.reports
    for name in ("on", "weeks", "codes", "covariates"):
        mine, theirs = getattr(one.cells.rows, name), getattr(other.cells.rows, name)
        assert list(mine) == list(theirs)
        for k, v in mine.items():
            np.testing.assert_array_equal(v, theirs[k])
    for name in ("counts", "unweighted", "sums", "valued", "overdispersion"):
        np.testing.assert_array_equal(getattr(one.cells, name), getattr(other.cells, name))
    assert one.design.notes == other.design.notes
    nodes = [n.path for n in one.idata.subtree]
    assert sorted(nodes) == sorted(n.path for n in other.idata.subtree)
    for path in nodes[1:]:
        mine, theirs = (t[path].to_dataset(inherit=False) for t in (one.idata, other.idata))
        xr.testing.assert_equal(mine, theirs)
        assert {k: v.dtype.kind for k, v in mine.variables.items()} == {
            k: v.dtype.kind for k, v in theirs.variables.items()
        }
    pd.testing.assert_frame_equal(one.diagnosis.table, other.diagnosis.table, check_dtype=False)
    assert replace(one.diagnosis, table=None) == replace(other.diagnosis, table=None)
    assert {k: other.idata.attrs[k] for k in one.idata.attrs} == dict(one.idata.attrs)


@pytest.fixture(scope="module")
def fit():
    design, cells = make(3, RICH)
    return fit_design(design, cells, random_seed=3, draws=25, chains=2, method="laplace")


@pytest.fixture(scope="module")
def stored(fit, tmp_path_factory):
    return ac.save(fit, tmp_path_factory.mktemp("saved") / "fit.nc")


# --- the same fit back --------------------------------------------------------------------------
def test_a_fit_comes_back_bit_for_bit(fit, stored):
    back = ac.load(stored)
    assert_same(fit, back)
    assert dict(back.idata.attrs)["random_seed"] == 3
    for ask in (lambda f: ac.levels(f, by=("country",)), lambda f: ac.shift(f)):
        np.testing.assert_array_equal(ask(fit).draws, ask(back).draws)
        assert ask(fit).status == ask(back).status
    assert os.listdir(stored.parent) == ["fit.nc"]


def people():
    return ac.simulate("panel_simulated").truth


def slider():
    return ac.simulate("slider_simulated").truth


def normal():
    spec = replace(make_spec(4, RICH[:-1]), gaussian=Gaussian((-2.0, 0.5, 1.0, 4.0), LogNormal(1.5, 0.6)))
    return ac.simulate(spec, fieldings=[ac.Fielding(w.name, 40) for w in spec.waves], random_seed=1).truth


def published():
    spec = read_spec(models_dir() / "microcode_2025.toml")
    _, cells, design = prepare(spec, *open_sources(spec, models_dir()).sources)
    return prior_fit(design, cells, draws=40)


def weighted():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"c": rng.choice(["DE", "ÄÖ <b>\n|", "日本 🕊", "a\0b"], 300), "w": rng.uniform(0.5, 2, 300)})
    frame["a"] = rng.choice(["no", "yes"], 300)
    survey = ac.read_survey(
        frame, roles=ac.Roles(country="c", answer="a", weight="w"), answers=("no", "yes"), top=("yes",),
        constants={"ally": "US"},
    )  # fmt: skip
    spec = ac.Spec("weighted", ("no", "yes"), ("yes",), (ac.Level(("country",)),))
    _, cells, design = prepare(spec, survey)
    return prior_fit(design, cells, draws=40)


@pytest.mark.parametrize("kind", [people, slider, normal, published, weighted])
def test_every_kind_of_data_comes_back(kind, tmp_path):
    fit = kind()
    assert_same(fit, ac.load(ac.save(fit, tmp_path / "fit.nc")))


@pytest.mark.slow
def test_the_draws_are_read_without_this_library(fit, stored):
    code = (
        "import sys, arviz; tree = arviz.from_netcdf(sys.argv[1]); import json\n"
        "post = tree['posterior'].dataset\n"
        "print(json.dumps([list(tree.children), {k: list(v.dims) for k, v in post.data_vars.items()},"
        " {k: [str(x) for x in v.values] for k, v in post.coords.items() if v.ndim == 1},"
        " float(post['intercept'].mean()), 'alliancecred' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(stored)], capture_output=True, text=True, check=True)
    groups, dims, coords, mean, loaded = json.loads(done.stdout)
    assert {"posterior", "sample_stats", "observed_data", "constant_data"} <= set(groups)
    assert dims == {str(k): list(v.dims) for k, v in fit.posterior.data_vars.items()}
    assert coords["country"] == list(fit.design.levels["country"])
    assert mean == float(fit.posterior["intercept"].mean())
    assert not loaded


def test_every_released_format_still_loads():
    """A file for each; once written it stays as it is: ``ac.save(fit, ...)`` of the fixture above."""
    files = {int(p.stem.rsplit("_", 1)[1]): p for p in STORED.glob("fit_format_*.nc")}
    assert sorted(files) == list(range(1, FORMAT + 1))
    for number, path in files.items():
        back = ac.load(path)
        assert content_digest(back) == json.loads((STORED / "digests.json").read_text())[str(number)]
        assert ac.levels(back, by=("country",)).draws.shape == (2, 25, 4)


# --- what has changed is refused ----------------------------------------------------------------
def test_no_flipped_bit_loads(stored, tmp_path):
    whole = stored.read_bytes()
    rng = np.random.default_rng(0)
    edges = [0, 1, len(whole) - 1, len(whole) - 2, len(whole) - 70, len(whole) - 85]
    path = tmp_path / "fit.nc"
    for place in [*edges, *rng.integers(len(whole), size=200).tolist()]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        with pytest.raises(IntegrityError, match=r"fit\.nc"):
            ac.load(path)


def test_no_part_of_a_file_loads(stored, tmp_path):
    whole = stored.read_bytes()
    path = tmp_path / "fit.nc"
    for share in range(20):
        path.write_bytes(whole[: len(whole) * share // 20])
        with pytest.raises(IntegrityError, match="cut off"):
            ac.load(path)
    path.write_bytes(whole + b"x")
    with pytest.raises(IntegrityError):
        ac.load(path)


FLIPS = """
import sys
import numpy as np
import alliancecred as ac
from alliancecred.sealed import manifest, seal
import test_saved
whole = open(sys.argv[1], "rb").read()
body = whole[: whole.rfind(b"\\n# alliancecred")]
right = ac.load(sys.argv[1])
rng = np.random.default_rng(int(sys.argv[3]))
for _ in range(100):
    flipped = bytearray(body)
    flipped[rng.integers(len(body))] ^= 1 << int(rng.integers(8))
    open(sys.argv[2], "wb").write(seal(bytes(flipped), "fit"))
    try:
        back = ac.load(sys.argv[2])
    except ac.StoreError as error:
        print("refused")
        continue
    test_saved.assert_same(right, back)
    print("same")
"""


@pytest.mark.slow
def test_a_flip_under_a_new_seal_is_refused_or_means_nothing(stored, tmp_path):
    """HDF5 sees these files; it must neither crash nor give other numbers."""
    done = subprocess.run(
        [sys.executable, "-c", FLIPS, str(stored), str(tmp_path / "f.nc"), "1"],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": python_path()},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said = done.stdout.split()
    assert len(said) == 100
    assert said.count("refused") > 10  # the rest fell where netCDF keeps nothing that is read


def python_path() -> str:
    return os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_a_newer_format_is_refused_by_number(stored, tmp_path):
    body = stored.read_bytes()[: stored.read_bytes().rfind(b"\n# alliancecred")]
    path = tmp_path / "new.nc"
    path.write_bytes(seal(body, "fit", FORMAT + 1))
    with pytest.raises(VersionError, match=f"format {FORMAT + 1}, this version reads 1 to {FORMAT} → use a newer"):
        ac.load(path)
    path.write_bytes(seal(body, "draws"))
    with pytest.raises(StoreError, match=r"holds draws, not fit → arviz\.from_netcdf .* saved/fit\.nc"):
        ac.load(path)


def test_what_differs_is_named(tmp_path):
    tree = xr.DataTree.from_dict({"/a": xr.Dataset({"x": ("i", [1.0, 2.0]), "t": ("i", ["p", "q"])}, attrs={"k": [1]})})
    first = manifest(tree)
    assert sorted(first) == ["/a/t", "/a/x", "attributes"]
    for change, named in (({"x": ("i", [1.0, 2.5])}, "/a/x"), ({"t": ("i", ["p", "r"])}, "/a/t")):
        other = xr.DataTree.from_dict({"/a": tree["a"].to_dataset().assign(change)})
        assert [k for k, v in manifest(other).items() if v != first[k]] == [named]
    turned = xr.DataTree.from_dict({"/a": tree["a"].to_dataset().assign(x=("j", [1.0, 2.0]))})
    assert manifest(turned)["/a/x"] != first["/a/x"]
    tree["a"].attrs["k"] = 2
    assert manifest(tree)["attributes"] != first["attributes"]


def test_only_numbers_and_text_are_written(tmp_path):
    for value in (np.array([{"a": 1}], dtype=object), np.array(["2025-03-01"], dtype="datetime64[D]")):
        with pytest.raises(StoreError, match="not numbers or text"):
            write_sealed(xr.DataTree.from_dict({"/a": xr.Dataset({"x": ("i", value)})}), tmp_path / "x.nc", "fit")
    assert not list(tmp_path.iterdir())


def test_draws_that_are_not_finite_are_not_saved(fit, tmp_path):
    draws = fit.posterior.copy(deep=True)
    draws["intercept"][1, 3] = np.nan
    tree = xr.DataTree.from_dict({"posterior": draws})
    with pytest.raises(StoreError, match="draws of intercept are not finite"):
        ac.save(replace(fit, idata=tree), tmp_path / "fit.nc")
    assert not list(tmp_path.iterdir())


# --- an old file is safe ------------------------------------------------------------------------
OVERWRITE = """
import resource, sys
import alliancecred as ac
fit = ac.load(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    ac.save(fit, sys.argv[1])
except ac.StoreError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no limits of file size")
def test_a_disk_limit_while_overwriting_leaves_the_old_file(fit, stored, tmp_path):
    path = tmp_path / "fit.nc"
    path.write_bytes(stored.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", OVERWRITE, str(path), "30000"], capture_output=True, text=True, check=True
    )
    assert "File too large; an older file of that name is as it was → make room" in done.stdout
    assert path.read_bytes() == stored.read_bytes()
    assert os.listdir(tmp_path) == ["fit.nc"]
    assert_same(fit, ac.load(path))


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(fit, stored, tmp_path, monkeypatch, call):
    path = tmp_path / "fit.nc"
    path.write_bytes(b"old")

    def full(*arguments):
        raise OSError(errno.ENOSPC, REASON)

    if call == "write":
        really = Path.open

        def opened(self, mode="r", *rest, **more):
            file = really(self, mode, *rest, **more)
            return Refusing(file) if "x" in mode else file

        class Refusing:
            def __init__(self, file):
                self.file = file

            def __enter__(self):
                return self

            def __exit__(self, *why):
                self.file.close()

            write = staticmethod(full)

        monkeypatch.setattr(Path, "open", opened)
    else:
        monkeypatch.setattr(os, call, full)
    with pytest.raises(StoreError, match=rf"{REASON}.* → make room"):
        ac.save(fit, path)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["fit.nc"]


@pytest.mark.skipif(sys.platform == "win32", reason="no users of that kind")
def test_a_folder_that_refuses_files_is_told(fit, tmp_path):
    (tmp_path / "fit.nc").write_bytes(b"old")
    tmp_path.chmod(0o500)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)
        with pytest.raises(StoreError, match=r"Permission denied.* → give another path"):
            ac.save(fit, tmp_path / "fit.nc")
    finally:
        if root:
            os.seteuid(0)
        tmp_path.chmod(0o700)
    assert (tmp_path / "fit.nc").read_bytes() == b"old"


def test_a_missing_back_end_is_told(fit, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5netcdf", None)
    with pytest.raises(StoreError, match="h5netcdf"):
        ac.save(fit, tmp_path / "fit.nc")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_there_or_not_ours(tmp_path):
    with pytest.raises(StoreError, match="No such file"):
        ac.load(tmp_path / "no.nc")
    with pytest.raises(StoreError, match="null byte"):
        ac.load("a\0b")
    with pytest.raises(StoreError):
        ac.load(tmp_path)
    xr.Dataset({"x": 1.0}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(IntegrityError, match="no file of ours"):
        ac.load(tmp_path / "other.nc")


def test_room_and_folders_are_tried(tmp_path):
    check_room(tmp_path, 0)
    with pytest.raises(StoreError, match=r"about 1,000,000,000,000 MB .* → make room"):
        check_room(tmp_path, 10**18)
    with pytest.raises(StoreError, match="embedded null"):
        make_folder("a\0b")


def test_a_link_is_replaced_and_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    link = tmp_path / "link"
    link.symlink_to(secret)
    replace_file(link, b"ours")
    assert secret.read_text() == "mine"
    assert link.read_bytes() == b"ours"
    assert not link.is_symlink()


# --- partial fits -------------------------------------------------------------------------------
def test_partial_is_said_wherever_a_number_is_shown(tmp_path):
    fit = ac.simulate("retrenchment_simulated").truth
    words = "partial: 3 of 4000 draws"
    tree = fit.idata.copy()
    tree.attrs = dict(tree.attrs) | {"status": f"failed: {words}", "partial": words}
    partial = replace(fit, idata=tree, diagnosis=Diagnosis(fit.diagnosis.table, 0, 0, (), (words,)))
    back = ac.load(ac.save(partial, tmp_path / "partial.nc"))
    assert words in repr(back)
    assert words in str(ac.diagnose(back))
    effect, shares, cells, pooled = ac.shift(back), ac.levels(back, by=("country",)), ac.ppc(back), ac.pooling(back)
    for estimate in (effect, shares):
        assert words in estimate.status
        assert words in ac.describe(estimate)
        assert ac.summary(estimate)["status"].str.contains(words).all()
    assert cells["status"].str.contains(words).all()
    assert pooled["status"].str.contains(words).all()
    drawn = (ac.plot_shift(effect), ac.plot_levels(shares), ac.plot_ppc(cells), ac.plot_pooling(pooled))
    for figure in drawn:
        shown = " ".join(t.get_text() for t in figure.texts)
        assert f"PARTIAL, do not report: {words.removeprefix('partial: ')}" in shown.replace("\n", " ")
    tree, _ = read_sealed(tmp_path / "partial.nc", "fit")
    assert words in tree.attrs["status"]
