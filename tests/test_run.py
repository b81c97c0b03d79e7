"""The main job: what it reads, what it refuses, what it writes; sampling is replaced by draws from the prior."""

import errno
import hashlib
import importlib
import json
import os
import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import alliancecred as ac
from alliancecred.asking import evaluate
from alliancecred.assemble import provenance
from alliancecred.errors import ConvergenceWarning, SpecError, StoreError
from alliancecred.fitting import fit, prepare
from alliancecred.opening import open_sources
from alliancecred.origins import ToplineFile
from alliancecred.report import covered, prior_fit
from alliancecred.results_folder import earlier_run, remove_leftovers
from alliancecred.simulation import simulate
from alliancecred.spec import Estimand
from alliancecred.spec_file import models_dir, read_spec
from alliancecred.store import slug, write_draws
from alliancecred.summaries import write_csv

pictures = importlib.import_module("alliancecred.report.pictures")
job = importlib.import_module("alliancecred.run")
COLUMNS = [
    "estimand",
    "role",
    "country",
    "ally",
    "target",
    "wave",
    "population",
    "mean",
    "sd",
    "lower",
    "upper",
    "prob",
    "p_positive",
    "unit",
    "identification",
]


NUTS_ATTRS = {
    "method": "nuts",
    "method_reason": "asked for",
    "inference_library": "nutpie",
    "attempts": 1,
    "tuning_steps": 800,
    "target_accept": 0.95,
    "centred": "[[0.98, 0.4], [0.0]]",
}


def fake_fit(spec, *sources, random_seed, draws, chains, method, progressbar, sampling=None):
    """Draws from the prior, with all that a fit carries."""
    spec, cells, design = prepare(spec, *sources)
    made = prior_fit(design, cells, draws=800, random_seed=random_seed)
    made.idata.attrs.update(provenance(design, random_seed, 0.5) | NUTS_ATTRS)
    return made


def fake_left_out(main, *, random_seed, draws, method="auto", sampling=None):
    return job.check.ppc(main, random_seed=random_seed).assign(status="passed")


@pytest.fixture(scope="module")
def patched():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "fit", fake_fit)
        patch.setattr(job.check, "leave_one_out", fake_left_out)
        yield patch


def quick_save(figure, stem, data):
    """Write the numbers behind a figure; not its pictures."""
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in ("pdf", "png")]
    for path in paths:
        path.write_bytes(b"")
    return *paths, write_csv(data, stem.with_name(f"{stem.name}.csv"))


@pytest.fixture
def undrawn(patched, monkeypatch):
    """No figures."""
    monkeypatch.setattr(job, "draw_pictures", lambda contents, folder: ())


@pytest.fixture(scope="module")
def real(patched, tmp_path_factory):
    return job.run("microcode_2025", tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="module")
def simulated(patched, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "save_figure", quick_save)
        patch.setattr(pictures, "_png", lambda figure: b"")
        return job.run("retrenchment_simulated", tmp_path_factory.mktemp("simulated"))


# --- what is written ----------------------------------------------------------------------------
@pytest.mark.slow
def test_every_file_is_there_and_no_other(real):
    names = {p.relative_to(real.out).as_posix() for p in real.out.rglob("*") if p.is_file()}
    assert names == {p.relative_to(real.out).as_posix() for p in real.paths}
    assert {
        "report.html",
        "summary.csv",
        "ppc.csv",
        "leave_one_out.csv",
        "prior.csv",
        "reliance.csv",
        "draws.nc",
        "spec.toml",
        "lock.json",
    } <= names
    stems = ("shift_means", "levels", "shift_by_country", "ppc", "leave_one_out")
    figures = {f"figures/{s}.{k}" for s in stems for k in ("pdf", "png", "csv", "svg", "txt")}
    tables = {n for n in names if n.startswith("tables/")}
    kept = {"saved/fit.nc", "saved/variant_1.nc", "saved/frames.nc"}
    assert {n for n in names if "/" in n} == figures | tables | kept
    assert len(tables) == 4 * len(real.fit.spec.estimands)


@pytest.mark.slow
def test_the_summary_begins_with_the_promised_columns(real):
    table = pd.read_csv(real.out / "summary.csv")
    assert list(table)[:15] == COLUMNS
    assert list(table)[-2:] == ["country_name", "ally_name"]
    assert {"r_hat", "ess_bulk", "ess_tail", "status"} <= set(table)
    assert dict(zip(table.country, table.country_name, strict=True))["UK"] == "United Kingdom"
    np.testing.assert_allclose(table["mean"][: len(real.estimates[0])], real.estimates[0].draws.mean(("chain", "draw")))


@pytest.mark.slow
def test_the_report_says_what_the_answers_rest_on(real):
    found = pd.read_csv(real.out / "reliance.csv").fillna("")
    pd.testing.assert_frame_equal(
        found[["component", "sensitivity", "per_doubling"]],
        ac.powerscale_sensitivity(real.fit, real.estimates)[["component", "sensitivity", "per_doubling"]],
        check_exact=False, rtol=1e-9, check_dtype=False,
    )  # fmt: skip
    page = real.report.read_text()
    shift = found[(found["estimand"] == "shift") & (found["component"] == "likelihood")]
    assert all(f">{v:.3f}<" in page for v in shift["sensitivity"])
    alone = found[(found["estimand"] == "shift") & ~found["component"].isin(["likelihood", "all priors"])]
    largest = alone.loc[alone["per_doubling"].abs().idxmax()]
    row = page[page.index(f">{largest['component']}<") :][:200]
    assert "Counted twice (percentage points)" in page
    assert "<td" in row


@pytest.mark.slow
def test_variants_stand_below_under_their_own_name(real):
    names = list(pd.read_csv(real.out / "summary.csv").estimand)
    main = [n for n in names if "|" not in n]
    assert names == main + [f"{n} | beta-binomial" for n in main]


@pytest.mark.slow
def test_a_variant_is_fitted_with_its_own_overdispersion(undrawn, tmp_path, monkeypatch):
    seen = []

    def spying(spec, *sources, **options):
        seen.append([s.overdispersion for s in sources])
        return fake_fit(spec, *sources, **options)

    monkeypatch.setattr(job, "fit", spying)
    job.run("microcode_2025", tmp_path)
    assert seen == [[0.0], [0.002]]


@pytest.mark.slow
def test_truth_stands_beside_the_estimate(simulated):
    table = pd.read_csv(simulated.out / "summary.csv")
    assert list(table)[-1] == "truth"
    assert table.truth.notna().all()
    truth = simulate("retrenchment_simulated").truth
    want = [evaluate(truth, e).draws.values[0, 0] for e in truth.spec.estimands]
    np.testing.assert_allclose(table.truth, np.concatenate(want))
    for path in (simulated.out / "figures").glob("*.csv"):
        if path.stem != "ppc":
            assert "truth" in pd.read_csv(path), path.name


@pytest.mark.slow
def test_truth_of_a_figure_goes_with_its_row(simulated):
    keys = COLUMNS[:7]
    table = pd.read_csv(simulated.out / "summary.csv", keep_default_na=False)
    figure = pd.read_csv(simulated.out / "figures" / "shift_by_country.csv", keep_default_na=False)
    both = figure.merge(table, on=keys, validate="one_to_one")
    assert len(both) == len(figure)
    np.testing.assert_array_equal(both.truth_x, both.truth_y)


@pytest.mark.slow
def test_more_cells_than_are_left_out_one_at_a_time_are_told(simulated):
    assert not (simulated.out / "leave_one_out.csv").exists()
    assert "would take 84 fits" in (simulated.out / "report.html").read_text()


def test_covered_counts_intervals():
    table = pd.DataFrame({"lower": [0.0, 0.0, 0.0], "upper": [1.0, 1.0, 1.0], "truth": [0.5, 2.0, np.nan]})
    assert covered(table) == (1, 2)


@pytest.mark.slow
def test_the_spec_reads_back_with_its_digest(real):
    path = real.out / "spec.toml"
    assert read_spec(path).digest == real.fit.spec.digest
    assert real.fit.spec.digest in path.read_text().splitlines()[0]
    assert path.read_text().startswith("#")


@pytest.mark.slow
def test_the_lock_names_sources_versions_and_seed(real):
    lock = json.loads((real.out / "lock.json").read_text())
    data = (models_dir() / "microcode_2025.csv").read_bytes()
    assert lock["sources"] == [{"path": "microcode_2025.csv", "sha256": hashlib.sha256(data).hexdigest()}]
    assert lock["spec_sha256"] == real.fit.spec.digest
    assert (lock["random_seed"], lock["versions"]["alliancecred"]) == (1, ac.__version__)
    assert len(lock["date"]) == len("2025-03-03")


@pytest.mark.slow
def test_the_lock_comes_last_with_the_digest_of_every_other_file(real):
    files = json.loads((real.out / "lock.json").read_text())["files"]
    assert {*files, "lock.json"} == {p.relative_to(real.out).as_posix() for p in real.paths}
    assert files == {name: hashlib.sha256((real.out / name).read_bytes()).hexdigest() for name in files}
    assert real.paths[-1] == real.out / "lock.json"


@pytest.mark.slow
def test_a_run_that_breaks_off_while_writing_leaves_no_lock(real, undrawn, tmp_path, monkeypatch):
    (tmp_path / "lock.json").write_text("{}")

    def interrupted(contents, pictures):
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "render", interrupted)
    with pytest.raises(KeyboardInterrupt):
        job.run("microcode_2025", tmp_path)
    assert not (tmp_path / "lock.json").exists()
    assert (tmp_path / "summary.csv").read_bytes() == (real.out / "summary.csv").read_bytes()  # whole, if new


def test_a_folder_with_results_of_another_analysis_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(job, "fit", no_fit)
    (tmp_path / "lock.json").write_text(json.dumps({"name": "mine", "files": {"report.html": "0"}}))
    (tmp_path / "report.html").write_text("my report")
    with pytest.raises(StoreError, match=r"holds results of the analysis 'mine' → write into another folder"):
        job.run("microcode_2025", tmp_path)
    assert (tmp_path / "report.html").read_text() == "my report"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lock.json", "report.html"]


def test_what_an_earlier_run_left_is_removed_unless_somebody_has_changed_it(tmp_path, monkeypatch):
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "outside.csv").write_text("kept")
    files = {}
    for name in ("old.csv", "changed.csv", "again.csv", "../outside.csv", "gone.csv"):
        (folder / name).write_text("kept" if "outside" in name else name)
        files[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "changed.csv").write_text("my notes")
    (folder / "gone.csv").unlink()
    (folder / "mine.txt").write_text("never listed")
    (folder / "lock.json").write_text(json.dumps({"name": "a", "files": files}))
    remove_leftovers(folder, earlier_run(folder, "a"), {"again.csv"})
    assert sorted(p.name for p in folder.iterdir()) == ["again.csv", "changed.csv", "lock.json", "mine.txt"]
    assert (tmp_path / "outside.csv").exists()
    (folder / "old.csv").write_text("old.csv")

    def held(self, missing_ok=False):
        raise PermissionError(13, "held open", str(self))

    monkeypatch.setattr(Path, "unlink", held)
    remove_leftovers(folder, earlier_run(folder, "a"), {"again.csv"})  # nor does a file that cannot be removed matter
    (folder / "lock.json").write_text("{ not json")
    assert earlier_run(folder, "b").files == {}


@pytest.mark.slow
def test_a_second_run_leaves_nothing_of_the_first_that_it_did_not_make(real, undrawn, tmp_path, monkeypatch):
    assert tmp_path / "leave_one_out.csv" in job.run("microcode_2025", tmp_path).paths
    monkeypatch.setattr(job, "_leave_out", lambda *given: (None, "it takes too long"))
    again = job.run("microcode_2025", tmp_path)
    assert not (tmp_path / "leave_one_out.csv").exists()
    assert {p for p in tmp_path.rglob("*") if p.is_file()} == set(again.paths)


def test_what_cannot_be_written_or_held_fails_before_sampling(tmp_path, monkeypatch):
    monkeypatch.setattr(job, "fit", no_fit)
    with pytest.raises(StoreError, match="make room, give another folder"):
        job.run("microcode_2025", tmp_path, draws=10**9)
    store = importlib.import_module("alliancecred.store")

    def missing(tree, path, kind):
        raise StoreError("no back end")

    monkeypatch.setattr(store, "write_sealed", missing)
    with pytest.raises(StoreError, match="no back end"):
        job.run("microcode_2025", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_draws_can_be_read_with_every_estimate(real):
    tree = xr.open_datatree(real.out / "draws.nc", engine="h5netcdf")
    with tree:
        assert {"posterior", "sample_stats", "observed_data", "estimands"} >= {"estimands"} & set(tree.children)
        assert tree.attrs["spec_digest"] == real.fit.spec.digest
        first = tree["estimands/levels"]
        np.testing.assert_array_equal(first["draws"], real.estimates[0].draws)
        assert list(first["country"].values) == list(real.estimates[0].draws["country"].values)
        assert "estimands/levels_beta_binomial" in tree or "levels_beta_binomial" in tree["estimands"].children
        assert "before" in tree["estimands/shift"]


@pytest.mark.slow
def test_one_seed_one_summary(real, undrawn, tmp_path):
    again = job.run("microcode_2025", tmp_path)
    assert (again.out / "summary.csv").read_bytes() == (real.out / "summary.csv").read_bytes()
    assert (again.out / "spec.toml").read_bytes() == (real.out / "spec.toml").read_bytes()


@pytest.mark.slow
def test_an_old_folder_keeps_what_is_not_ours(undrawn, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "report.html").write_text("old")
    result = job.run("microcode_2025", tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert "<!doctype html>" in result.report.read_text()


@pytest.mark.slow
def test_the_engine_asked_for_makes_every_fit(monkeypatch, undrawn, tmp_path):
    asked = []
    for name, fake in (("fit", fake_fit), ("leave", fake_left_out)):

        def seen(*args, name=name, fake=fake, **options):
            asked.append((name, options["method"]))
            return fake(*args, **options)

        monkeypatch.setattr(*((job, "fit") if name == "fit" else (job.check, "leave_one_out")), seen)
    job.run("microcode_2025", tmp_path, method="nuts")
    assert asked == [("fit", "nuts"), ("fit", "nuts"), ("leave", "nuts")]


def test_progress_is_told_step_by_step(undrawn, tmp_path):
    told = []
    job.run("microcode_2025", tmp_path, progress=told.append)
    assert told[0] == "reading microcode_2025.csv"
    assert [t for t in told if t.startswith("drawing 4")] == [
        "drawing 4 × 1,000 draws",
        "drawing 4 × 1,000 draws for the variant 'beta-binomial'",
    ]
    assert told[-1] == "writing the report"


# --- what is refused ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    [
        "../data.csv",
        "a/../../data.csv",
        "/etc/hostname",
        "~/data.csv",
        "file:///etc/hostname",
        "C:\\data.csv",
        "\\\\host\\share",
        "..\\data.csv",
        "data\0.csv",
        "",
        "no.csv",
        "folder",
    ],
)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path, path):
    (tmp_path / "folder").mkdir()
    (tmp_path.parent / "data.csv").write_text("secret")
    spec = replace(read_spec(models_dir() / "microcode_2025.toml"), sources=(ToplineFile(path),))
    with pytest.raises(SpecError, match=r"sources\[0\]"):
        open_sources(spec, tmp_path)


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.csv").write_text("secret")
    (inside / "data.csv").symlink_to(tmp_path / "secret.csv")
    spec = replace(read_spec(models_dir() / "microcode_2025.toml"), sources=(ToplineFile("data.csv"),))
    with pytest.raises(SpecError, match="leads out"):
        open_sources(spec, inside)


def no_fit(*arguments, **options):
    raise AssertionError("sampled")


def test_what_the_data_cannot_answer_is_refused_before_sampling(tmp_path, monkeypatch):
    monkeypatch.setattr(job, "fit", no_fit)
    spec = read_spec(models_dir() / "microcode_2025.toml")
    asked = (Estimand("levels"), Estimand("gap", by=("country",)), Estimand("shift", roles=("other",)))
    sources = open_sources(spec, models_dir()).sources
    with pytest.raises(SpecError) as caught:
        job.run(replace(spec, estimands=asked), tmp_path, sources=sources)
    assert [p.column.split()[0] for p in caught.value.problems] == ["estimands[1]", "estimands[2]"]


def test_a_spec_without_estimands_or_sources_is_refused(tmp_path):
    spec = read_spec(models_dir() / "microcode_2025.toml")
    with pytest.raises(SpecError, match="no estimands"):
        job.run(replace(spec, estimands=(), variants=()), tmp_path)
    with pytest.raises(SpecError, match="no sources"):
        job.run(replace(spec, sources=()), tmp_path)


def test_a_variant_without_toplines_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(job, "fit", no_fit)
    spec = replace(
        read_spec(models_dir() / "retrenchment_simulated.toml"),
        variants=read_spec(models_dir() / "microcode_2025.toml").variants,
    )
    with pytest.raises(SpecError, match="variants"):
        job.run(spec, tmp_path)


def test_an_output_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(StoreError, match="output folder"):
        job.run("microcode_2025", tmp_path / "out")


@pytest.mark.slow
def test_sources_can_be_handed_over(undrawn, tmp_path):
    spec = replace(read_spec(models_dir() / "retrenchment_simulated.toml"), sources=())
    made = simulate("retrenchment_simulated")
    result = job.run(replace(spec, estimands=spec.estimands[1:3]), tmp_path, sources=[made])
    assert "truth" in pd.read_csv(result.out / "summary.csv")


# --- files whole or not at all ------------------------------------------------------------------
@pytest.mark.slow
def test_a_failed_write_leaves_the_old_draws(real, tmp_path, monkeypatch):
    path = tmp_path / "draws.nc"
    path.write_bytes(b"old")

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        StoreError, match="No space left on device; an older file of that name is as it was → make room"
    ):
        write_draws(real.fit.idata, real.estimates, path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["draws.nc"]


def test_arrays_of_objects_are_left_out(tmp_path):
    data = xr.Dataset({"a": ("x", np.array([1.0, 2.0])), "b": ("x", np.array(["t", None], dtype=object))})
    path = write_draws(xr.DataTree.from_dict({"posterior": data}), (), tmp_path / "d.nc")
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        assert set(tree["posterior"].data_vars) == {"a"}


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("../../Germany", "germany"),
        ("CON", "con_2"),
        ("a/b\\c", "a_b_c"),
        ("x" * 300, "x" * 60),
        ("été", "ete"),
        ("日本", "unnamed"),
        ("", "unnamed"),
    ],
)
def test_labels_make_harmless_file_names(label, name):
    assert slug(label) == name
    assert slug(label, [name]) == (f"{name}_2" if not name.endswith("_2") else "con_3")


# --- with a sampler -----------------------------------------------------------------------------
@pytest.mark.slow
def test_a_short_run_really_samples_and_says_that_its_gates_failed(undrawn, tmp_path, monkeypatch):
    spec = read_spec(models_dir() / "microcode_2025.toml")
    sources = open_sources(spec, models_dir()).sources
    few = replace(spec, variants=(), estimands=spec.estimands[:2])
    monkeypatch.setattr(job, "MOST_LEFT_OUT", 0)
    monkeypatch.setattr(job, "fit", fit)
    with pytest.warns(ConvergenceWarning):
        result = job.run(few, tmp_path, sources=sources, draws=50, chains=2)
    assert not result.passed
    assert "GATES FAILED" in result.report.read_text()
    assert result.estimates[0].draws.shape == (2, 50, 12)
    assert json.loads((tmp_path / "lock.json").read_text())["status"].startswith("failed")


def test_warnings_of_others_are_not_swallowed():
    def listened():
        with job.listening() as heard:
            warnings.simplefilter("always", DeprecationWarning)
            warnings.warn("theirs", DeprecationWarning, stacklevel=1)
            warnings.warn("ours", ConvergenceWarning, stacklevel=1)
        return [str(w.message) for w in heard]

    with pytest.warns(DeprecationWarning, match="theirs"):
        assert listened() == ["ours"]


def test_a_run_says_how_it_departs_from_its_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(job, "draw_pictures", lambda contents, folder: ())
    monkeypatch.setattr(job, "MOST_LEFT_OUT", 0)
    spec = replace(ac.read_spec(models_dir() / "microcode_2025.toml"), variants=())
    ac.lock(spec, tmp_path / "plan.json")
    other = replace(spec, intercept=replace(spec.intercept, sd=2.5))
    found = job.run(other, tmp_path / "out", data=models_dir(), locked=tmp_path / "plan.json", draws=500)
    record = json.loads((tmp_path / "out" / "lock.json").read_text())
    assert record["spec_sha256"] == other.digest
    assert record["locked"]["sha256"] == spec.digest
    assert [d["where"] for d in record["locked"]["deviations"]] == ["intercept.sd"]
    page = found.report.read_text()
    assert spec.digest in page
    assert re.search(r"intercept\.sd<.{1,9}<td[^>]*>1\.5</td><td[^>]*>2\.5</td><td[^>]*>analysis</td>", page)
    table = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert set(table["analysis"]) == {f"microcode_2025 {other.digest[:12]}"}


def test_a_strict_run_writes_nothing_that_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(job, "MOST_LEFT_OUT", 0)
    with pytest.raises(ac.ConvergenceError, match=r"Monte Carlo error|ESS"):
        job.run(models_dir() / "microcode_2025.toml", tmp_path / "out", draws=20, method="laplace", strict=True)
    assert list((tmp_path / "out").iterdir()) == []
