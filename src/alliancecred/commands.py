"""What each command does: from what was typed to what is to be said, as text and as facts."""

import argparse
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import StoreError
from .options import WIDTH
from .progress import saying

if TYPE_CHECKING:
    from .run import RunResult

_PASSED, _GATE_FAILED, _WRONG_INPUT = 0, 3, 1


@dataclass(frozen=True)
class Said:
    """What a command gave.

    Parameters
    ----------
    facts
        For ``--json``.
    text
        For people, on standard output.
    code
        The exit code.
    warnings, last
        For standard error.
    """

    facts: Mapping[str, object]
    text: str = ""
    code: int = _PASSED
    warnings: tuple[str, ...] = field(default=())
    last: str = ""


@contextmanager
def _heard(into: list[str]) -> Iterator[None]:
    """Collect the library's warnings as text, each once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    own = __name__.split(".")[0]
    kept = [w for w in caught if w.category.__module__.split(".")[0] == own]
    into += dict.fromkeys(f"{w.category.__name__}: {w.message}" for w in kept)


# --- what there is --------------------------------------------------------------------------------
def models(arguments: argparse.Namespace) -> Said:
    """List the shipped analyses."""
    from .shelf import catalogue_of_models

    shelf = catalogue_of_models()
    width = max((len(x.name) for x in shelf), default=0)
    lines = []
    for x in shelf:
        took = f"{x.seconds:.0f} s" if x.seconds is not None else "–"
        shown = {True: "reproduced", False: "NOT reproduced", None: "–"}[x.reproduced]
        data = "SIMULATED" if x.data == "simulated" else x.data
        lines.append(f"{x.name:<{width}}  {data:<12}  {took:>6}  {shown}")
        lines.append(textwrap.fill(x.title, WIDTH, initial_indent="    ", subsequent_indent="    "))
    lines += [
        "",
        textwrap.fill(
            "Seconds: from the data to the posterior, once, in a fresh process on two cores. Reproduced: tests against "
            "published numbers, a stored fit or the known truth passed. –: not measured, or no such test. Which files "
            "an analysis needs: alliancecred data NAME.",
            WIDTH,
        ),
    ]
    return Said({"models": [asdict(x) for x in shelf]}, "\n".join(lines))


def data(arguments: argparse.Namespace) -> Said:
    """Say which files an analysis needs, and what is in them."""
    from .opening import folder_of, open_sources
    from .shelf import head_of, missing, needed_files
    from .spec_file import as_spec

    spec = as_spec(arguments.model)
    files = needed_files(arguments.model, arguments.data)
    about = head_of(arguments.model)
    said: list[str] = []
    wrong = missing(files)
    reports = []
    if wrong is None and spec.sources:
        with _heard(said):
            opened = open_sources(spec, arguments.data or folder_of(arguments.model))
        reports = [s.report for s in opened.sources]
    lines = [f"{spec.name}: {spec.title}".rstrip(": ")]
    lines += ["", about] if about else []
    lines += ["", "References", *(f"  {r}" for r in spec.references)] if spec.references else []
    lines += ["", "Files", *(_file_lines(asdict(f)) for f in files)] if files else ["", "Files: none; it is simulated"]
    lines += ["", *map(str, reports)] if reports else []
    if wrong is not None:
        lines += ["", str(wrong)]
    facts = {
        "name": spec.name,
        "simulated": spec.simulated,
        "references": spec.references,
        "about": about,
        "files": [asdict(f) | {"found": not f.problem} for f in files],
        "reports": [asdict(r) for r in reports],
    }
    return Said(facts, "\n".join(lines), _PASSED if wrong is None else _WRONG_INPUT, tuple(said))


def _file_lines(found: Mapping[str, object]) -> str:
    if found["problem"]:
        return f"  {found['path']}: {found['problem']}\n      looked in {found['looked']}"
    return (
        f"  {found['path']}: found, {found['bytes']:,} bytes\n      {found['looked']}\n      SHA-256 {found['sha256']}"
    )


def check(arguments: argparse.Namespace) -> Said:
    """Read and validate an analysis without sampling."""
    from .fitting import prepare
    from .opening import folder_of, open_sources
    from .preregistration import deviation_text, deviations
    from .report import design_text, rehearse
    from .spec_file import as_spec

    spec = as_spec(arguments.model)
    said: list[str] = []
    with _heard(said):
        opened = open_sources(spec, arguments.data or folder_of(arguments.model))
        _, cells, design = prepare(spec, *opened.sources)
        rehearse(design, cells, population=opened.population)
    text = design_text(design, cells)
    facts = {
        "name": spec.name,
        "sha256": spec.digest,
        "cells": len(cells.counts),
        "answers": int((cells.counts if cells.unweighted is None else cells.unweighted).sum()),
        "published": len(cells.toplines),
        "notes": list(design.notes),
        "deviations": deviations(arguments.locked, spec).to_dict("records") if arguments.locked else None,
        "text": text,
    }
    shown = f"{text}\n{deviation_text(arguments.locked, spec)}" if arguments.locked else text
    return Said(facts, shown, warnings=tuple(said))


def lock(arguments: argparse.Namespace) -> Said:
    """Write an analysis down before its data are seen."""
    from .preregistration import lock as write

    locked = write(arguments.model, arguments.out)
    facts = {"name": locked.spec.name, "file": arguments.out, "date": locked.date, "sha256": locked.digest}
    return Said(facts, f"{locked.spec.name} is locked in {arguments.out} ({locked.date})\nSHA-256 {locked.digest}")


# --- what takes time ------------------------------------------------------------------------------
def run(arguments: argparse.Namespace) -> Said:
    """Fit an analysis and write everything into a folder."""
    from .run import run as fit_and_write

    if arguments.fit:
        _check_file(arguments.fit)
    said: list[str] = []
    with saying(quiet=arguments.quiet) as progress, _heard(said):
        result = fit_and_write(
            arguments.model,
            arguments.out,
            random_seed=arguments.seed,
            draws=arguments.draws,
            chains=arguments.chains,
            method=arguments.method,
            progress=progress,
            data=arguments.data,
            least_cell=arguments.least_cell,
            locked=arguments.locked,
            strict=arguments.strict,
            keep=arguments.keep,
        )
        if arguments.fit:
            from .saved import save

            save(result.fit, arguments.fit)
    return _finished(result, said, arguments.fit)


def _check_file(path: str) -> None:
    """Refuse, before anything is fitted, a name under which nothing can be written afterwards."""
    from .files import make_folder

    make_folder(Path(path).parent)
    if Path(path).is_dir():
        raise StoreError(f"{path!r} is a folder → give the name of a file")


def report(arguments: argparse.Namespace) -> Said:
    """Make the report of a run again."""
    from .again import report_again

    said: list[str] = []
    with saying(quiet=arguments.quiet) as progress, _heard(said):
        result = report_again(
            arguments.saved,
            arguments.out,
            data=arguments.data,
            least_cell=arguments.least_cell,
            locked=arguments.locked,
            progress=progress,
        )
    return _finished(result, said, None)


def _finished(result: "RunResult", said: list[str], saved: str | None) -> Said:
    attrs = result.fit.idata.attrs
    facts = {
        "name": result.fit.spec.name,
        "out": str(result.out),
        "report": str(result.report),
        "passed": result.passed,
        "status": result.status,
        "engine": attrs.get("method"),
        "seconds": float(str(attrs.get("fit_time", "nan"))),
        "files": [*(p.relative_to(result.out).as_posix() for p in result.paths), *([saved] if saved else [])],
    }
    text = f"Results: {result.out}\nReport:  {result.report}" + (f"\nFit:     {saved}" if saved else "")
    if result.passed:
        return Said(facts, text, warnings=tuple(said))
    last = f"GATES FAILED, do not report these numbers: {result.status}"
    return Said(facts, text, _GATE_FAILED, tuple(said), last)


def simulate(arguments: argparse.Namespace) -> Said:
    """Write a survey whose truth is known."""
    from .handout import write_simulated
    from .origins import Simulation
    from .spec_file import as_spec

    said: list[str] = []
    spec = as_spec(arguments.model)
    seed = next((s.seed for s in spec.sources if isinstance(s, Simulation)), None)
    seed = seed if arguments.seed is None else arguments.seed
    with _heard(said):
        paths = write_simulated(spec, arguments.out, random_seed=seed)
    rows = paths[0].read_bytes().count(b"\r\n") - 1
    facts = {"name": spec.name, "out": arguments.out, "seed": seed, "rows": rows, "files": [p.name for p in paths]}
    text = "\n".join(
        [f"{paths[0]}: {rows:,} rows", *map(str, paths[1:]), f"next: alliancecred run {paths[-1]} --out DIR"]
    )
    return Said(facts, text, warnings=tuple(said))


def power(arguments: argparse.Namespace) -> Said:
    """Say how probable it is that a planned survey shows an effect."""
    from .plans import assured, plan_text

    said: list[str] = []
    with _heard(said):
        found = assured(arguments)
    facts = {"name": found.name, "rule": found.rule, "simulations": arguments.simulations}
    return Said(facts | {"plans": found.table.to_dict("records")}, plan_text(found), warnings=tuple(said))


def completion(arguments: argparse.Namespace) -> Said:
    """Print a completion script."""
    import shtab

    from .arguments import parser

    script = shtab.complete(parser(), shell=arguments.shell)
    return Said({"shell": arguments.shell, "script": script}, script)


COMMANDS: Mapping[str, Callable[[argparse.Namespace], Said]] = {
    f.__name__: f for f in (models, data, check, lock, run, report, simulate, power, completion)
}
