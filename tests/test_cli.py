"""The command line: exit codes, what goes where, and nothing that could steer a terminal."""

import hashlib
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
from alliancecred.commands import COMMANDS
from alliancecred.errors import ConvergenceWarning, IncompleteFitError
from alliancecred.progress import saying
from alliancecred.spec_file import models_dir, read_spec, shipped_models

job = importlib.import_module("alliancecred.run")


def result(tmp_path, status="passed"):
    fit = SimpleNamespace(
        spec=SimpleNamespace(name="demo"), idata=SimpleNamespace(attrs={"method": "laplace", "fit_time": 0.5})
    )
    paths = (tmp_path / "report.html",)
    return SimpleNamespace(
        out=tmp_path, report=paths[0], passed=status == "passed", status=status, fit=fit, paths=paths
    )


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


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=str)
def test_help_explains_within_80_columns(command, capsys):
    assert main([*command, "--help"]) == DONE
    said = capsys.readouterr().out
    assert "exit codes:" in said
    assert "130" in said
    assert max(map(len, said.splitlines())) <= 80
    assert not command or ("examples:" in said and "keys of --json:" in said and "--traceback" in said)


def test_alone_it_prints_the_overview(capsys):
    assert main([]) == DONE
    said = capsys.readouterr()
    assert all(f"    {name} " in said.out for name in COMMANDS)
    assert said.err == ""


# --- JSON -----------------------------------------------------------------------------------------
def as_json(arguments, capsys):
    code = main([*arguments, "--json"])
    said = capsys.readouterr()
    assert said.out.count("\n") == 1
    assert not set(said.out) - {chr(10)} - set(map(chr, range(32, 127)))
    return code, json.loads(said.out), said.err


def test_a_run_as_json(monkeypatch, tmp_path, capsys):
    def run(*arguments, progress, **options):
        import warnings

        progress("working")
        warnings.warn("demo: 3 divergences", ConvergenceWarning, stacklevel=1)
        return result(tmp_path, "failed: 3 divergences")

    replaced(monkeypatch, run)
    code, found, err = as_json(["run", "m", "--out", "o"], capsys)
    assert code == GATE_FAILED
    assert found == {
        "command": "run",
        "name": "demo",
        "out": str(tmp_path),
        "report": str(tmp_path / "report.html"),
        "passed": False,
        "status": "failed: 3 divergences",
        "engine": "laplace",
        "seconds": 0.5,
        "files": ["report.html"],
        "warnings": ["ConvergenceWarning: demo: 3 divergences"],
    }
    assert "working" in err


def test_errors_as_json(tmp_path, capsys):
    bad = tmp_path / "bad.toml"
    bad.write_text('nmae = "\\u001b[31m"\nanswers = ["no", "yes"]\ntop = ["yes"]\n')
    code, found, err = as_json(["check", str(bad)], capsys)
    assert (code, err) == (WRONG_INPUT, "")
    assert found["error"]["class"] == "SpecError"
    assert found["error"]["exit_code"] == WRONG_INPUT
    problems = found["error"]["problems"]
    assert len(problems) > 1
    assert {"where", "message", "remedy", "rows", "kind"} <= set(problems[0])
    code, found, _ = as_json(["rnu"], capsys)
    assert (code, found["error"]["class"], found["error"]["exit_code"]) == (WRONG_USAGE, "UsageError", WRONG_USAGE)


def test_an_interrupt_as_json(monkeypatch, capsys):
    def run(*arguments, **options):
        raise KeyboardInterrupt

    replaced(monkeypatch, run)
    code, found, _ = as_json(["run", "m", "--out", "o"], capsys)
    assert (code, found["error"]["class"]) == (INTERRUPTED, "KeyboardInterrupt")


def test_check_lock_and_models_as_json(tmp_path, capsys):
    code, found, _ = as_json(["lock", "microcode_2025", "--out", str(tmp_path / "plan.json")], capsys)
    assert code == DONE
    assert len(found["sha256"]) == 64
    code, found, _ = as_json(["check", "microcode_2025", "--locked", str(tmp_path / "plan.json")], capsys)
    assert (code, found["published"], found["cells"], found["deviations"]) == (DONE, 12, 0, [])
    code, found, _ = as_json(["models"], capsys)
    one = {m["name"]: m for m in found["models"]}
    assert one["microcode_2025"]["data"] == "shipped"
    assert one["retrenchment_simulated"]["data"] == "simulated"
    assert one["tomz_weeks_2021"]["data"] == "needs a file"


# --- data and completion --------------------------------------------------------------------------
def test_data_that_are_there_are_named_with_their_digest_and_report(capsys):
    code, found, _ = as_json(["data", "microcode_2025"], capsys)
    assert code == DONE
    file = found["files"][0]
    path = models_dir() / "microcode_2025.csv"
    assert (file["found"], file["bytes"]) == (True, path.stat().st_size)
    assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    lines = {(x["action"], x["count"]) for x in found["reports"][0]["lines"]}
    assert {("read", 12), ("used", 12)} <= lines
    assert "typed from the publications" in found["about"]
    assert found["references"]


def test_data_that_are_missing_are_named_with_where_they_come_from(tmp_path, capsys):
    assert main(["data", "tomz_weeks_2021", "--data", str(tmp_path)]) == WRONG_INPUT
    said = capsys.readouterr().out
    for words in ("2017-04-YouGov-extracted.dta: does not exist", str(tmp_path), "Tomz, M. & Weeks", "--data FOLDER"):
        assert words in said


def test_a_simulated_analysis_needs_no_files(capsys):
    assert main(["data", "retrenchment_simulated"]) == DONE
    assert "it is simulated" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_every_shell_completes_every_command(shell, capsys):
    assert main(["completion", shell]) == DONE
    said = capsys.readouterr().out
    assert all(name in said for name in COMMANDS)


def test_facts_of_another_spec_are_not_shown(monkeypatch, tmp_path):
    import alliancecred.shelf as shelf

    spec = read_spec(models_dir() / "microcode_2025.toml")
    facts = {"seconds": 3.0, "engine": "laplace", "tests": [{"test": "t", "outcome": "passed"}]}
    for digest, wanted in ((spec.digest, (3.0, True)), ("0" * 64, (None, None))):
        monkeypatch.setattr(shelf, "measured", lambda d=digest: {"microcode_2025": facts | {"spec_sha256": d}})
        found = next(x for x in shelf.catalogue_of_models() if x.name == "microcode_2025")
        assert (found.seconds, found.reproduced) == wanted


def test_models_are_listed_without_what_was_measured(monkeypatch, capsys):
    import alliancecred.shelf as shelf

    monkeypatch.setattr(shelf, "MEASURED", "nowhere.json")
    assert main(["models"]) == DONE
    assert "microcode_2025" in capsys.readouterr().out


# --- pipes ----------------------------------------------------------------------------------------
ALONE = [sys.executable, "-c", "import sys; from alliancecred.cli import main; sys.exit(main())"]


def test_a_reader_that_has_seen_enough_is_no_error():
    with subprocess.Popen(ALONE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()  # before anything was written
        said = process.stderr.read()
    assert (process.returncode, said) == (DONE, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_an_error():
    with open("/dev/full", "w") as full:
        done = subprocess.run(ALONE, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == WRONG_INPUT
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["run", "retrenchment_simulated"], ["simulate", "retrenchment_simulated"]])
def test_an_unwritable_folder_is_named_before_anything_is_done(tmp_path, capsys, command):
    (tmp_path / "file").write_text("")
    assert main([*command, "--out", str(tmp_path / "file")]) == WRONG_INPUT
    said = capsys.readouterr().err
    assert "StoreError: cannot write to the output folder" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("place", ["taken/fit.nc", "folder"])
def test_where_a_fit_cannot_be_saved_is_said_before_anything_is_fitted(place, tmp_path, monkeypatch, capsys):
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(job, "run", lambda *_, **__: pytest.fail("it was fitted"))
    asked = ["run", "retrenchment_simulated", "--out", str(tmp_path / "out"), "--fit", str(tmp_path / place)]
    assert main(asked) == WRONG_INPUT
    assert place.split("/")[0] in capsys.readouterr().err


def test_a_bar_is_shown_where_somebody_looks(monkeypatch):
    from io import StringIO

    class Terminal(StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with saying(quiet=False) as say:
        say("drawing [bold]4 × 500[/bold] \x1b[31m")
    shown = screen.getvalue()
    assert "drawing [bold]4 × 500[/bold]" in shown
    assert "\x1b[31m" not in shown


# --- other commands, once more --------------------------------------------------------------------
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


def test_what_was_measured_is_of_the_models_that_are_shipped():
    from alliancecred.shelf import NEEDED, catalogue_of_models, measured

    facts = measured()
    assert facts.keys() == set(shipped_models())
    assert all(x["seconds"] > 0 and x["status"] == "passed" for x in facts.values())
    assert all(t["outcome"] == "passed" for x in facts.values() for t in x["tests"])
    # those whose data anybody has; facts of another spec are not shown, those of the rest may wait for their data
    stale = [x.name for x in catalogue_of_models() if x.seconds is None and x.data != NEEDED]
    assert not stale, f"changed since they were measured → python tools/catalogue.py {' '.join(stale)}"
