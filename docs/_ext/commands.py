"""The page of the command line, from its parser."""

import argparse
from collections.abc import Iterable

from alliancecred.cli import parser

_SHOWN = 80  # characters of a line of usage


def _usage(command: argparse.ArgumentParser) -> str:
    command.formatter_class = lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=_SHOWN)
    return command.format_usage().strip().removeprefix("usage: ")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _options(command: argparse.ArgumentParser) -> Iterable[str]:
    yield "| argument | what it does |"
    yield "|---|---|"
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction) or action.dest == "help":
            continue
        words = (action.help or "") % {"prog": command.prog, "default": action.default}
        value = "" if action.nargs == 0 else action.metavar or f"{{{','.join(map(str, action.choices or ()))}}}"
        names = ", ".join(f"`{name} {value}`".replace(" `", "`") for name in action.option_strings or [""])
        if not action.option_strings:
            names = f"`{action.metavar or action.dest}`"
        yield f"| {names} | {_cell(words)} |"


def page() -> str:
    """Return the page in MyST."""
    top = parser()
    commands = next(a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    text = ["# Command line", "", top.description or "", "", "```text", _usage(top), "```", ""]
    for name, command in commands.choices.items():
        text += [f"## `alliancecred {name}`", "", command.description or "", "", "```text", _usage(command), "```", ""]
        text += [*_options(command), ""]
    if top.epilog:
        text += ["## Examples and exit codes", "", "```text", top.epilog.strip(), "```", ""]
    return "\n".join(text)
