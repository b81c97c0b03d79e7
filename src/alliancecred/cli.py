"""The command line: what it prints, where, and its exit codes. What it does is in `commands`."""

import argparse
import json
import math
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

from .arguments import parser
from .options import UsageError, wants_json
from .progress import plain, tell

DONE, WRONG_INPUT, WRONG_USAGE, GATE_FAILED, INTERRUPTED = 0, 1, 2, 3, 130

__all__ = ["DONE", "GATE_FAILED", "INTERRUPTED", "WRONG_INPUT", "WRONG_USAGE", "main", "plain"]


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
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _main(given)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has seen enough
        _close_output()
        return DONE
    except OSError as error:  # standard output is full
        tell(f"Error: cannot write to standard output: {error.strerror or error}")
        _close_output()
        return WRONG_INPUT
    return code


def _close_output() -> None:
    """Have nothing more written to standard output, where Python would write what is left when it ends."""
    with suppress(OSError, ValueError):  # it is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _main(argv: list[str]) -> int:
    as_json = wants_json(argv)
    made = parser()
    try:
        arguments = made.parse_args(argv)
    except UsageError as error:
        return _failed(error, [{"message": str(error)}], WRONG_USAGE, as_json, f"{error.usage}error: {error}")
    except SystemExit as stop:  # --help, --version
        return int(stop.code or 0) if not isinstance(stop.code, str) else WRONG_USAGE
    if arguments.command is None:
        print(made.format_help(), end="")
        return DONE
    return _guarded(arguments)


def _guarded(arguments: argparse.Namespace) -> int:
    """Run a command; turn what goes wrong into one readable paragraph and an exit code."""
    from .errors import AcError

    interrupted: list[bool] = []
    restore = _note_interrupt(interrupted)
    try:
        from .commands import COMMANDS

        said = COMMANDS[arguments.command](arguments)
        for text in said.warnings:
            tell(f"warning: {text}")
        if arguments.json:
            facts = {"command": arguments.command} | dict(said.facts)
            print(json.dumps(_json(facts | {"warnings": list(said.warnings)}), allow_nan=False))
        else:
            print(plain(said.text) if said.text else "", end="\n" if said.text else "")
        if said.last:
            tell(said.last)
        return said.code
    except KeyboardInterrupt:
        interrupted.append(True)
    except BrokenPipeError:
        raise
    except (AcError, OSError, MemoryError) as error:
        if not interrupted:
            if arguments.traceback:
                traceback.print_exc()
            name = type(error).__name__ if isinstance(error, AcError) else "Error"
            words = f"{name}: {str(error) or type(error).__name__}"
            return _failed(error, _problems(error), WRONG_INPUT, arguments.json, words)
    finally:
        restore()
    words = "Interrupted: nothing more was written."
    return _failed(KeyboardInterrupt(), [{"message": words}], INTERRUPTED, arguments.json, words)


def _failed(
    error: BaseException, problems: Sequence[Mapping[str, object]], code: int, as_json: bool, words: str
) -> int:
    """Say what went wrong: on standard error, or as JSON on standard output; and return the exit code."""
    if as_json:
        what = {"class": type(error).__name__, "problems": list(problems), "exit_code": code}
        print(json.dumps({"error": _json(what)}, allow_nan=False))
    else:
        tell(words)
    return code


def _problems(error: BaseException) -> list[dict[str, object]]:
    from .errors import Problem

    found = getattr(error, "problems", None) or ()
    listed: list[dict[str, object]] = [
        {"kind": p.kind, "where": p.column, "message": p.message, "rows": list(p.rows), "remedy": p.remedy}
        for p in found
        if isinstance(p, Problem)
    ]
    return listed or [{"message": str(error) or type(error).__name__}]


def _json(value: Any) -> Any:
    """Return a value as JSON has it: what is no number is null."""
    match value:
        case bool() | int() | str() | None:
            return value
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(k): _json(v) for k, v in value.items()}
        case list() | tuple():
            return [_json(v) for v in value]
        case _ if hasattr(value, "item"):  # a number of NumPy
            return _json(value.item())
        case _:
            return str(value)


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
