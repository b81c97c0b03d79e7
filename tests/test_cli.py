"""The command line: exit codes, what goes where, and nothing that could steer a terminal."""

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from alliancecred import __version__
from alliancecred.cli import DONE, GATE_FAILED, INTERRUPTED, WRONG_INPUT, WRONG_USAGE, main, plain
from alliancecred.errors import ConvergenceWarning, IncompleteFitError

job = importlib.import_module("alliancecred.run")


def result(tmp_path, status="passed"):
    return SimpleNamespace(out=tmp_path, report=tmp_path / "report.html", passed=status == "passed", status=status)


def replaced(monkeypatch, function):
    monkeypatch.setattr(job, "run", function)


# --- exit codes ---------------------------------------------------------------------------------
def test_done(monkeypatch, tmp_path, capsys):
    seen = {}

    def run(model, out, *, random_seed, draws, chains, method, progress, data, least_cell, locked, strict, keep):
        seen.update(
            model=model,
            out=out,
            seed=random_seed,
            draws=draws,
            chains=chains,
            method=method,
            data=data,
            least=least_cell,
            plan=locked,
            strict=strict,
        )
        progress("working")
        return result(tmp_path)

    replaced(monkeypatch, run)
    code = main(
        [
            "run",
            "microcode_2025",
            "--out",
            "o",
            "--seed",
            "3",
            "--draws",
            "7",
            "--chains",
            "2",
            "--method",
            "nuts",
            "--data",
            "there",
            "--least-cell",
            "9",
            "--locked",
            "plan.json",
            "--strict",
        ]
    )
    said = capsys.readouterr()
    assert code == DONE
    wanted = {"model": "microcode_2025", "out": "o", "seed": 3, "draws": 7, "chains": 2, "method": "nuts"}
    assert seen == wanted | {"data": "there", "least": 9, "plan": "plan.json", "strict": True}
    assert str(tmp_path / "report.html") in said.out
    assert said.out.splitlines()[0].split()[-1] == str(tmp_path)
    assert "working" in said.err
    assert " s]" in said.err


def test_quiet_says_nothing_on_the_way(monkeypatch, tmp_path, capsys):
    replaced(monkeypatch, lambda *a, progress, **o: progress("working") or result(tmp_path))
    assert main(["run", "m", "--out", "o", "--quiet"]) == DONE
    assert capsys.readouterr().err == ""


def test_a_failed_gate_has_its_own_code(monkeypatch, tmp_path, capsys):
    def run(*arguments, **options):
        import warnings

        warnings.warn("demo: 3 divergences", ConvergenceWarning, stacklevel=1)
        return result(tmp_path, "failed: 3 divergences")

    replaced(monkeypatch, run)
    assert main(["run", "m", "--out", "o"]) == GATE_FAILED
    said = capsys.readouterr().err
    assert "GATES FAILED" in said
    assert "ConvergenceWarning: demo: 3 divergences" in said


def test_interrupted(monkeypatch, capsys):
    def run(*arguments, **options):
        raise KeyboardInterrupt

    replaced(monkeypatch, run)
    assert main(["run", "m", "--out", "o"]) == INTERRUPTED
    assert "Interrupted" in capsys.readouterr().err


def test_interrupted_though_the_sampler_swallowed_it(monkeypatch):
    def run(*arguments, **options):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(10**6):
                pass
        except KeyboardInterrupt:
            pass
        raise IncompleteFitError("12 of 4000 draws")

    before = signal.getsignal(signal.SIGINT)
    replaced(monkeypatch, run)
    assert main(["run", "m", "--out", "o"]) == INTERRUPTED
    assert signal.getsignal(signal.SIGINT) is before


def test_incomplete_without_an_interrupt_is_a_problem(monkeypatch, capsys):
    def run(*arguments, **options):
        raise IncompleteFitError("12 of 4000 draws")

    replaced(monkeypatch, run)
    assert main(["run", "m", "--out", "o"]) == WRONG_INPUT
    assert "12 of 4000" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["rnu"],
        ["run", "m"],
        ["run", "--out", "o"],
        ["run", "m", "--out", "o", "--draws", "0"],
        ["run", "m", "--out", "o", "--seed", "x"],
        ["models", "extra"],
    ],
)
def test_wrong_usage(arguments, capsys):
    assert main(arguments) == WRONG_USAGE
    assert "usage:" in capsys.readouterr().err


def test_an_unknown_model_is_one_readable_paragraph(tmp_path, capsys):
    assert main(["run", "microcode_2052", "--out", str(tmp_path)]) == WRONG_INPUT
    said = capsys.readouterr().err
    assert "microcode_2025" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "words"), [("name = ", "not valid TOML"), ("", "required key"), ("nmae = 'x'", "unknown key")]
)
@pytest.mark.parametrize("command", [["check"], ["run", "--out", "o"]])
def test_a_bad_spec_is_one_readable_paragraph(tmp_path, monkeypatch, capsys, text, words, command):
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_text(text)
    assert main([*command, "bad.toml"]) == WRONG_INPUT
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


def test_the_traceback_is_there_when_asked_for(tmp_path, capsys):
    assert main(["check", "nothing", "--traceback"]) == WRONG_INPUT
    assert "Traceback" in capsys.readouterr().err


# --- other commands -----------------------------------------------------------------------------
def test_version(capsys):
    assert main(["--version"]) == DONE
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize("command", [[], ["run"], ["check"], ["models"]])
def test_help_explains(command, capsys):
    assert main([*command, "--help"]) == DONE
    said = capsys.readouterr().out
    assert command == ["models"] or ("exit codes" in said and "130" in said)


def test_models_are_listed_with_the_simulated_ones_marked(capsys):
    assert main(["models"]) == DONE
    lines = capsys.readouterr().out.splitlines()
    assert any(x.startswith("microcode_2025") and "SIMULATED" not in x for x in lines)
    assert any(x.startswith("retrenchment_simulated") and "SIMULATED" in x for x in lines)


def test_check_prints_the_design_and_samples_nothing(monkeypatch, capsys):
    engine = importlib.import_module("alliancecred.fitting")
    monkeypatch.setattr(engine, "fit_design", lambda *a, **o: pytest.fail("sampled"))
    assert main(["check", "microcode_2025"]) == DONE
    said = capsys.readouterr().out
    for words in (
        "shift_us2025[other]: no data, left out",
        "12 published shares",
        "half-normal (sd 0.5)",
        "first-order effect, allies of the US",
        "beta-binomial",
        "Level by country",
    ):
        assert words in said


# --- safety -------------------------------------------------------------------------------------
def test_labels_cannot_steer_the_terminal(tmp_path, capsys):
    bad = tmp_path / "bad.toml"
    bad.write_text('name = "\\u001b[31mred\\u0007\\u009b2J\\u202e"\nanswers = ["no", "yes"]\ntop = ["yes"]\n')
    assert main(["check", str(bad)]) == WRONG_INPUT
    assert main(["check", "\x1b]0;title\x07"]) == WRONG_INPUT
    said = capsys.readouterr().err
    assert not set(said) & set("\x1b\x07\x9b\u202e")


def test_plain_keeps_letters():
    assert plain("Łódź −3,5 %\n日本") == "Łódź −3,5 %\n日本"


def test_the_command_starts_without_loading_what_it_does_not_need():
    code = (
        "import alliancecred.cli as c, sys, json; c.parser(); "
        "print(json.dumps([m for m in ('numpy', 'pandas', 'xarray', 'matplotlib', 'pymc') if m in sys.modules]))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert json.loads(loaded) == []


def test_every_method_of_fit_can_be_asked_for(monkeypatch, tmp_path):
    from alliancecred.fitting import METHODS

    seen = []

    def run(model, out, *, method, **_):
        seen.append(method)
        return result(tmp_path)

    replaced(monkeypatch, run)
    assert [main(["run", "microcode_2025", "--out", "o", "--method", m]) for m in METHODS] == [DONE] * len(METHODS)
    assert seen == list(METHODS)
