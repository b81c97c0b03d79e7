"""Pieces of the command line that several commands share: options, checks of what is typed, exit codes."""

import argparse
from collections.abc import Sequence
from typing import NoReturn

WIDTH = 79
CODES = """\
exit codes:
  0    done, and every gate was passed
  1    something is wrong with the input or the analysis; the message says what
  2    the command was not understood
  3    done, but a gate failed: the files are there and say so; do not report
       the numbers
  130  interrupted
"""
MODEL = "a shipped name (see `alliancecred models`) or a TOML file"


class UsageError(Exception):
    """A command that was not understood; ``usage`` is what would have been."""

    def __init__(self, message: str, usage: str):
        super().__init__(message)
        self.usage = usage


class Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError` instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`."""
        raise UsageError(message, self.format_usage())


def wide(prog: str) -> argparse.HelpFormatter:
    """Return a formatter of help for a terminal of 80 columns."""
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=24, width=WIDTH)


def model(command: Parser) -> None:
    """Add the analysis and the folder of its data."""
    command.add_argument("model", metavar="MODEL", help=MODEL)
    command.add_argument("--data", metavar="FOLDER", help="where the files the model names lie, if not beside it")


def locked(command: Parser) -> None:
    """Add the lock it is compared with."""
    command.add_argument("--locked", metavar="FILE", help="a lock; say what this analysis does differently")


def out(command: Parser) -> None:
    """Add the output folder."""
    command.add_argument("--out", required=True, metavar="DIR", help="output folder; made if it is not there")


def seed(command: Parser, default: int | None) -> None:
    """Add the seed."""
    words = "that of the model" if default is None else str(default)
    command.add_argument(
        "--seed", type=natural, default=default, metavar="N", help=f"seed of all random draws (default {words})"
    )


def draws(command: Parser) -> None:
    """Add the draws."""
    command.add_argument(
        "--draws", type=positive, default=1000, metavar="N", help="kept draws per chain (default 1000)"
    )


def method(command: Parser) -> None:
    """Add the engine."""
    command.add_argument(
        "--method",
        choices=("auto", "laplace", "nuts", "numpyro"),
        default="auto",
        help="engine: nested Laplace, NUTS, or the first if it passes its gates (default auto); numpyro is NUTS by the "
        "extra alliancecred[jax]",
    )


def least(command: Parser) -> None:
    """Add the smallest cell that is shown."""
    command.add_argument(
        "--least-cell",
        type=natural,
        default=5,
        metavar="N",
        help="cells of fewer people keep what they answered out of the results (default 5; 0 shows all)",
    )


def quiet(command: Parser) -> None:
    """Add that nothing is said on the way."""
    command.add_argument("--quiet", action="store_true", help="no progress lines")


def natural(text: str) -> int:
    """Return a whole number from 0, or refuse it."""
    return _whole(text, 0, 2**31 - 1)


def positive(text: str) -> int:
    """Return a whole number from 1, or refuse it."""
    return _whole(text, 1, 1_000_000)


def _whole(text: str, low: int, high: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from None
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"must be from {low} to {high}, got {text}")
    return value


def share(text: str) -> float:
    """Return a number between 0 and 1, or refuse it."""
    return _within(text, 0.0, 1.0, "between 0 and 1")


def size(text: str) -> float:
    """Return a size in percentage points, or refuse it."""
    return _within(text, -1e-300, 100.0, "from 0 to 100 percentage points")


def _within(text: str, low: float, high: float, words: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None
    if not low < value < high:
        raise argparse.ArgumentTypeError(f"must lie {words}, got {text}")
    return value


def wants_json(argv: Sequence[str]) -> bool:
    """Return whether JSON is asked for, also by a command that cannot be understood."""
    return "--json" in argv
