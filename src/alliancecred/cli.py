"""The command line: ``alliancecred run``, ``models``, ``check`` and ``lock``."""

import argparse
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from types import FrameType

from . import __version__

DONE, WRONG_INPUT, WRONG_USAGE, GATE_FAILED, INTERRUPTED = 0, 1, 2, 3, 130

_CODES = """\
exit codes:
  0    done, and every gate was passed
  1    something is wrong with the input or the analysis; the message says what
  2    the command was not understood
  3    done, but a gate failed: the files are there and say so; do not report the numbers
  130  interrupted
"""
_EPILOG = f"""\
examples:
  alliancecred models
  alliancecred check microcode_2025
  alliancecred run microcode_2025 --out out/microcode_2025
  alliancecred run my_analysis.toml --out results --seed 7

{_CODES}"""


def plain(text: object) -> str:
    r"""Return text without the control characters that could steer a terminal.

    Examples
    --------
    >>> plain("red" + chr(27) + "[31m" + chr(10) + "next")
    'red[31m\nnext'
    """
    return "".join(c for c in str(text) if c == "\n" or c.isprintable())


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    wrap = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(
        "alliancecred",
        formatter_class=wrap,
        epilog=_EPILOG,
        description="Bayesian multilevel models of how credible people believe alliance promises to be.",
    )
    top.add_argument("--version", action="version", version=f"alliancecred {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    one = commands.add_parser(
        "run",
        help="fit an analysis and write tables, figures and a report",
        formatter_class=wrap,
        epilog=_CODES,
        description="Read the data an analysis declares, fit it, check it, and write into DIR: report.html,\n"
        "summary.csv, ppc.csv, leave_one_out.csv, prior.csv, reliance.csv, draws.nc, spec.toml, lock.json and\n"
        "figures/ (each as PDF, PNG and CSV).\n"
        "Files of an earlier run are replaced one by one; nothing else in DIR is touched.",
    )
    _model(one)
    one.add_argument("--out", required=True, metavar="DIR", help="output folder; made if it is not there")
    one.add_argument("--seed", type=_natural, default=1, metavar="N", help="seed of all random draws (default 1)")
    one.add_argument("--draws", type=_positive, default=1000, metavar="N", help="kept draws per chain (default 1000)")
    one.add_argument("--chains", type=_positive, default=4, metavar="N", help="chains (default 4)")
    one.add_argument(
        "--method",
        choices=("auto", "laplace", "nuts", "numpyro"),
        default="auto",
        help="engine: nested Laplace, NUTS, or the first if it passes its gates (default auto); numpyro is NUTS by the "
        "extra alliancecred[jax]",
    )
    one.add_argument(
        "--least-cell",
        type=_natural,
        default=5,
        metavar="N",
        help="cells of fewer people keep what they answered out of the results (default 5; 0 shows all)",
    )
    _locked(one)
    one.add_argument("--strict", action="store_true", help="where a gate fails write nothing, and exit with 1")
    one.add_argument(
        "--keep",
        metavar="DIR",
        help="keep each finished chain of the no-U-turn sampler in DIR; the same command goes on there after a kill",
    )
    one.add_argument("--quiet", action="store_true", help="no progress lines")
    commands.add_parser(
        "models",
        help="list the analyses that come with the package",
        formatter_class=wrap,
        description="List the analyses that come with the package: name, title, whether simulated.",
    )
    look = commands.add_parser(
        "check",
        help="read and validate an analysis without sampling",
        formatter_class=wrap,
        epilog=_CODES,
        description="Read an analysis and its data, validate both, and print what would be fitted. Nothing is sampled\n"
        "or written.",
    )
    _model(look)
    _locked(look)
    plan = commands.add_parser(
        "lock",
        help="write an analysis down before its data are seen",
        formatter_class=wrap,
        epilog=_CODES,
        description="Write an analysis with its SHA-256, without data, into FILE: a plan to deposit before the data\n"
        "are seen. `run --locked FILE` lists in the report what was done differently.",
    )
    plan.add_argument("model", metavar="MODEL", help="a shipped name (see `alliancecred models`) or a TOML file")
    plan.add_argument("--out", required=True, metavar="FILE", help="the lock (JSON); must not be there yet")
    plan.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
    return top


def _locked(command: argparse.ArgumentParser) -> None:
    command.add_argument("--locked", metavar="FILE", help="a lock; say what this analysis does differently")


def _model(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help="a shipped name (see `alliancecred models`) or a TOML file")
    command.add_argument("--data", metavar="FOLDER", help="where the files the model names lie, if not beside it")
    command.add_argument("--traceback", action="store_true", help="show where in the code an error arose")


def _natural(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**31:
        raise argparse.ArgumentTypeError(f"must be from 0 to {2**31 - 1}, got {text}")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1_000_000:
        raise argparse.ArgumentTypeError(f"must be from 1 to 1000000, got {text}")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv
        The arguments; default those of the process.

    Examples
    --------
    >>> main(["models"])  # doctest: +ELLIPSIS
    conjoint_immigration ...
    0
    """
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0) if not isinstance(stop.code, str) else WRONG_USAGE
    return _guarded(arguments)


def _guarded(arguments: argparse.Namespace) -> int:
    """Run a command; turn what goes wrong into one readable paragraph and an exit code."""
    from .errors import AcError

    interrupted: list[bool] = []
    restore = _note_interrupt(interrupted)
    try:
        return {"run": _run, "models": _models, "check": _check, "lock": _lock}[arguments.command](arguments)
    except KeyboardInterrupt:
        interrupted.append(True)
    except (AcError, OSError, MemoryError) as error:
        if not interrupted:
            if getattr(arguments, "traceback", False):
                traceback.print_exc()
            name = type(error).__name__ if isinstance(error, AcError) else "Error"
            _tell(f"{name}: {str(error) or type(error).__name__}")
            return WRONG_INPUT
    finally:
        restore()
    _tell("Interrupted: nothing more was written.")
    return INTERRUPTED


def _note_interrupt(noted: list[bool]) -> Callable[[], object]:
    """Remember that Ctrl-C was pressed, also where a sampler swallows it; return what undoes this."""

    def handler(number: int, frame: FrameType | None) -> None:
        noted.append(True)
        raise KeyboardInterrupt

    try:
        old = signal.signal(signal.SIGINT, handler)
    except ValueError:  # not the main thread
        return lambda: None
    return lambda: signal.signal(signal.SIGINT, old)


def _tell(text: str) -> None:
    print(plain(text), file=sys.stderr, flush=True)


def _run(arguments: argparse.Namespace) -> int:
    from .run import run

    start = time.perf_counter()

    def progress(text: str) -> None:
        _tell(f"[{time.perf_counter() - start:6.1f} s] {text}")

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        result = run(
            arguments.model,
            arguments.out,
            random_seed=arguments.seed,
            draws=arguments.draws,
            chains=arguments.chains,
            method=arguments.method,
            progress=(lambda text: None) if arguments.quiet else progress,
            data=arguments.data,
            least_cell=arguments.least_cell,
            locked=arguments.locked,
            strict=arguments.strict,
            keep=arguments.keep,
        )
    for text in dict.fromkeys(f"{w.category.__name__}: {w.message}" for w in heard if _ours(w.category)):
        _tell(f"warning: {text}")
    print(plain(f"Results: {result.out}\nReport:  {result.report}"))
    if result.passed:
        return DONE
    _tell(f"GATES FAILED, do not report these numbers: {result.status}")
    return GATE_FAILED


def _ours(category: type[Warning]) -> bool:
    return category.__module__.split(".")[0] == __name__.split(".")[0]


def _models(arguments: argparse.Namespace) -> int:
    from .spec_file import as_spec, shipped_models

    names = shipped_models()
    width = max(map(len, names), default=0)
    for name in names:
        spec = as_spec(name)
        print(plain(f"{name:<{width}} {'SIMULATED  ' if spec.simulated else '           '}{spec.title}"))
    return DONE


def _check(arguments: argparse.Namespace) -> int:
    from .errors import listening
    from .fitting import prepare
    from .opening import folder_of, open_sources
    from .preregistration import deviation_text
    from .report import design_text, rehearse
    from .spec_file import as_spec

    spec = as_spec(arguments.model)
    with listening() as heard:
        opened = open_sources(spec, arguments.data or folder_of(arguments.model))
        _, cells, design = prepare(spec, *opened.sources)
        rehearse(design, cells, population=opened.population)
    print(plain(design_text(design, cells)))
    if arguments.locked:
        print(plain(deviation_text(arguments.locked, spec)))
    for w in heard:
        _tell(f"warning: {w.message}")
    return DONE


def _lock(arguments: argparse.Namespace) -> int:
    from .preregistration import lock

    locked = lock(arguments.model, arguments.out)
    print(plain(f"{locked.spec.name} is locked in {arguments.out} ({locked.date})\nSHA-256 {locked.digest}"))
    return DONE
