"""Surveys with known truth as files; plans; and a report made again from what a run kept."""

import hashlib
import importlib
import json
import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import alliancecred as ac
from alliancecred.again import report_again
from alliancecred.cells import make_cells
from alliancecred.cli import DONE, WRONG_INPUT, main
from alliancecred.disclosure import LEAST
from alliancecred.errors import IntegrityError, SpecError, StoreError
from alliancecred.handout import write_simulated
from alliancecred.kept import FOLDER, may_be_kept
from alliancecred.opening import open_sources
from alliancecred.origins import Fielding, Simulation
from alliancecred.plans import monte_carlo_error, with_respondents
from alliancecred.report import prior_fit
from alliancecred.spec_file import as_spec, models_dir
from alliancecred.studies import cells_digest

job = importlib.import_module("alliancecred.run")
pictures = importlib.import_module("alliancecred.report.pictures")
NUTS_ATTRS = {"method": "nuts", "method_reason": "asked for", "inference_library": "nutpie", "attempts": 1}
NUTS_ATTRS |= {"tuning_steps": 800, "target_accept": 0.95, "centred": "[[0.98, 0.4], [0.0]]"}
SIMULATED = ("retrenchment_simulated", "panel_simulated", "slider_simulated")


# --- a survey as files ----------------------------------------------------------------------------
@pytest.mark.parametrize("name", SIMULATED)
def test_the_spec_that_is_written_reads_the_survey_that_was_simulated(name, tmp_path):
    paths = write_simulated(name, tmp_path)
    assert [p.name for p in paths] == ["survey.csv", "truth.csv", "parameters.csv", "spec.toml"]
    spec = ac.read_spec(paths[3])
    assert "simulated" in spec.title.lower()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cells = make_cells(spec, open_sources(spec, tmp_path).sources)
    assert cells_digest(cells) == cells_digest(ac.simulate(name).truth.cells)


def test_the_truth_that_is_written_is_that_of_the_simulation(tmp_path):
    write_simulated("retrenchment_simulated", tmp_path, random_seed=4)
    truth = ac.simulate("retrenchment_simulated", random_seed=4).truth
    frame = pd.read_csv(tmp_path / "truth.csv")
    wanted = np.concatenate([ac.evaluate(truth, e).draws.values.ravel() for e in truth.spec.estimands])
    np.testing.assert_allclose(frame["truth"], wanted)
    parameters = pd.read_csv(tmp_path / "parameters.csv", keep_default_na=False)
    sender = parameters[(parameters["parameter"] == "shift_us2025") & (parameters["of"] == "sender")]["value"]
    assert sender.item() == truth.posterior["shift_us2025"].values.ravel()[0] == -1.1


def test_labels_that_a_spreadsheet_would_run_survive(tmp_path):
    spec = ac.read_spec(models_dir() / "retrenchment_simulated.toml")
    answers = ("-1", "=cmd|x", "+1", "2")
    odd = replace(spec, answers=answers, top=("+1", "2"))
    write_simulated(odd, tmp_path)
    text = (tmp_path / "survey.csv").read_text()
    assert ",=cmd" not in text
    again = ac.read_spec(tmp_path / "spec.toml")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cells = make_cells(again, open_sources(again, tmp_path).sources)
    assert again.answers == answers
    np.testing.assert_array_equal(cells.counts, ac.simulate(odd).truth.cells.counts)


def test_an_analysis_of_real_data_is_not_simulated(tmp_path, capsys):
    assert main(["simulate", "microcode_2025", "--out", str(tmp_path / "s")]) == WRONG_INPUT
    assert "declares no simulation" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_other_sources_beside_a_simulation_are_not_dropped(tmp_path):
    spec = as_spec("retrenchment_simulated")
    both = replace(spec, sources=(*spec.sources, as_spec("microcode_2025").sources[0]))
    with pytest.raises(SpecError, match="has 2 sources, and a survey stands for all of its data"):
        write_simulated(both, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_it_wrote(tmp_path, capsys):
    assert main(["simulate", "retrenchment_simulated", "--out", str(tmp_path), "--json"]) == DONE
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == len(pd.read_csv(tmp_path / "survey.csv")) == 336
    assert found["seed"] == ac.read_spec(models_dir() / "retrenchment_simulated.toml").sources[0].seed


# --- plans ----------------------------------------------------------------------------------------
def test_respondents_are_people_of_the_first_population():
    spec = with_respondents(ac.read_spec(models_dir() / "retrenchment_simulated.toml"), 77)
    (source,) = spec.sources
    old = ac.read_spec(models_dir() / "retrenchment_simulated.toml").sources[0]
    assert {f.n for f in source.fieldings if f.population == "public"} == {77}
    assert [f.n for f in source.fieldings if f.population == "elite"] == [
        f.n for f in old.fieldings if f.population == "elite"
    ]
    with pytest.raises(SpecError, match="declares no fieldings"):
        with_respondents(replace(spec, sources=()), 5)
    elites = Simulation(1, (Fielding("2025-01", 10, "elite"),), ())
    with pytest.raises(SpecError, match="nothing to vary"):
        with_respondents(replace(spec, sources=(elites,)), 5)


def test_monte_carlo_error_is_that_of_a_share_and_never_zero():
    rng = np.random.default_rng(1)
    shares = rng.binomial(400, 0.7, 4000) / 400
    assert monte_carlo_error(np.array([0.7]), np.array([400]))[0] == pytest.approx(shares.std(), rel=0.05)
    assert (monte_carlo_error(np.array([0.0, 1.0]), np.array([50, 50])) > 0).all()


def test_power_prints_assurance_with_its_error_and_asks_the_rule_it_was_given(monkeypatch, tmp_path, capsys):
    seen = []

    def assurance(spec, rule, **options):
        seen.append((spec, rule, options))
        row = {"n_elites": 50, "n_waves": "declared", "simulations": 100, "failed": 1, "assurance": 0.8,
               "lower": 0.7, "upper": 0.9, "met": 0, "power": np.nan, "power_lower": np.nan, "power_upper": np.nan,
               "wrong_sign": np.nan}  # fmt: skip
        return SimpleNamespace(table=pd.DataFrame([row]))

    monkeypatch.setattr(importlib.import_module("alliancecred.plans"), "assurance", assurance)
    typed = ["power", "retrenchment_simulated", "--respondents", "100", "200", "--elites", "50", "--smallest", "5"]
    typed += ["--keep", str(tmp_path / "kept"), "--simulations", "100", "--direction", "above", "--prob", "0.9"]
    assert main(typed) == DONE
    said = capsys.readouterr().out
    assert "assurance  0.800  error 0.040  [0.700, 0.900]" in said
    assert "people 200, elites 50, waves as declared (" in said
    assert "truths that meet the rule: 0 of 100; assurance cannot be far above that" in said
    assert "1 fits missed their gates" in said
    assert [str(rule) for _, rule, _ in seen] == ["P(shift of the sender > 5 points) ≥ 0.9"] * 2
    assert [o["path"].name for _, _, o in seen] == ["respondents_100.jsonl", "respondents_200.jsonl"]
    assert [s.sources[0].fieldings[0].n for s, _, _ in seen] == [100, 200]
    assert main([*typed, "--json"]) == DONE
    found = json.loads(capsys.readouterr().out)
    assert found["plans"][0]["power"] is None
    assert found["plans"][1]["respondents"] == 200


# --- a report made again --------------------------------------------------------------------------
def contents_of(folder):
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file() and p.suffix != ".nc" and p.name != "lock.json"
    }


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A run of the shipped analysis with draws from the prior, without pictures."""
    folder = tmp_path_factory.mktemp("ran")

    def drawn(spec, *sources, random_seed, draws, chains, method, progressbar, sampling=None):
        spec, cells, design = job.prepare(spec, *sources)
        made = prior_fit(design, cells, draws=400, random_seed=random_seed)
        attrs = importlib.import_module("alliancecred.assemble").provenance(design, random_seed, 0.5)
        made.idata.attrs.update(attrs | NUTS_ATTRS)
        return made

    def left_out(main, *, random_seed, draws, method="auto", sampling=None):
        return job.check.ppc(main, random_seed=random_seed).assign(status="passed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "fit", drawn)
        patch.setattr(job.check, "leave_one_out", left_out)
        patch.setattr(job, "draw_pictures", lambda contents, folder: ())
        yield job.run("microcode_2025", folder)


@pytest.fixture
def unfitted(monkeypatch):
    monkeypatch.setattr(job, "draw_pictures", lambda contents, folder: ())
    for module in ("fitting", "run", "studies", "check"):
        for name in ("fit", "fit_design", "refit", "leave_one_out"):
            place = importlib.import_module(f"alliancecred.{module}")
            if hasattr(place, name):
                monkeypatch.setattr(place, name, lambda *a, **o: pytest.fail("fitted"))


@pytest.mark.slow
def test_a_report_made_again_is_the_same_bit_for_bit(ran, unfitted, tmp_path):
    again = report_again(ran.out, tmp_path / "again")
    assert contents_of(tmp_path / "again") == contents_of(ran.out)
    assert again.status == ran.status
    assert json.loads((tmp_path / "again" / "lock.json").read_text())["files"].keys() == (
        json.loads((ran.out / "lock.json").read_text())["files"].keys()
    )


@pytest.mark.slow
def test_a_report_of_a_fit_says_what_is_missing(ran, unfitted, tmp_path, capsys):
    path = ac.save(ran.fit, tmp_path / "fit.nc")
    assert main(["report", str(path), "--out", str(tmp_path / "page"), "--quiet", "--json"]) in (DONE, 3)
    page = (tmp_path / "page" / "report.html").read_text()
    assert "made from a saved fit" in page
    assert not (tmp_path / "page" / "leave_one_out.csv").exists()
    assert main(["report", str(path)]) == WRONG_INPUT
    assert "--out DIR" in capsys.readouterr().err


@pytest.mark.slow
def test_what_a_run_kept_is_not_believed_once_it_has_changed(ran, tmp_path):
    import shutil

    shutil.copytree(ran.out, tmp_path / "copy")
    path = tmp_path / "copy" / FOLDER / "variant_1.nc"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError, match=r"variant_1\.nc is not the file"):
        report_again(tmp_path / "copy")
    (tmp_path / "copy" / "lock.json").unlink()
    with pytest.raises(StoreError, match="no finished run"):
        report_again(tmp_path / "copy")


@pytest.mark.slow
def test_small_cells_are_not_kept_in_a_folder_for_others(ran, tmp_path):
    record = json.loads((ran.out / "lock.json").read_text())
    record["files"] = {k: v for k, v in record["files"].items() if not k.startswith(FOLDER)}
    (tmp_path / "lock.json").write_text(json.dumps(record))
    with pytest.raises(StoreError, match="small cells keep back"):
        report_again(tmp_path)


def test_only_what_may_be_shown_is_kept():
    truth = ac.simulate("retrenchment_simulated").truth
    assert may_be_kept(truth, LEAST)
    assert not may_be_kept(truth, int(truth.cells.counts.sum(1).min()) + 1)


def test_answers_of_single_people_are_not_kept():
    panel = ac.simulate("panel_simulated").truth
    assert panel.cells.counts.sum(1).min() >= LEAST
    assert panel.cells.people.times.min() == 1
    assert not may_be_kept(panel, LEAST)
    assert may_be_kept(panel, 1)


@pytest.mark.slow
def test_what_an_earlier_run_kept_is_gone_where_this_one_keeps_nothing(ran, tmp_path, monkeypatch):
    import shutil

    shutil.copytree(ran.out, tmp_path / "copy")
    assert (tmp_path / "copy" / FOLDER / "variant_1.nc").exists()
    with monkeypatch.context() as patch:
        patch.setattr("alliancecred.again.may_be_kept", lambda fit, least: False)
        with pytest.raises(StoreError, match="could not keep its fit → write into another folder"):
            report_again(tmp_path / "copy")
    assert (tmp_path / "copy" / FOLDER / "variant_1.nc").exists()
    monkeypatch.setattr("alliancecred.kept.may_be_kept", lambda fit, least: False)
    monkeypatch.setattr(job, "draw_pictures", lambda contents, folder: ())
    report_again(tmp_path / "copy")
    assert not list((tmp_path / "copy" / FOLDER).iterdir())
