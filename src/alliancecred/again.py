"""A report made again from what a run kept, or from a saved fit: nothing is fitted."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .check import ppc
from .disclosure import LEAST, check_least, remark, without_small
from .errors import IntegrityError, SpecError, StoreError, listening
from .files import digest_of, make_folder
from .kept import FIT, FOLDER, FRAMES, Kept, may_be_kept, read_kept
from .opening import open_population
from .populations import Population
from .preregistration import Locked, read_lock
from .report import Contents, Varied, evaluate_all, full_table, rehearse, reliance_on, renamed
from .results_folder import LOCK, earlier_run
from .run import RunResult, Say, write_run
from .saved import load
from .simulation import simulate
from .spec import Spec
from .summaries import summary

_NOT_FITTED = (
    "This report was made from a saved fit, without fitting: leaving out single cells, the variants and other priors "
    "of scales that rest on few groups, which take fits of their own, are missing. `alliancecred run` has them."
)


def report_again(
    saved: str | Path,
    out: str | Path | None = None,
    *,
    data: str | Path | None = None,
    least_cell: int = LEAST,
    locked: Locked | str | Path | None = None,
    progress: Say | None = None,
) -> RunResult:
    """Make the report, the tables and the figures of a run again, without fitting.

    Parameters
    ----------
    saved
        The folder of a run (``alliancecred run --out``), or the file of a fit (`save`).
    out
        The folder to write into; of a run, that of the run if it is None.
    data
        Where the table of people lies, if the spec poststratifies; default the folder of ``saved``.
    least_cell, locked, progress
        As in `run`.

    Returns
    -------
    RunResult

    Raises
    ------
    StoreError
        If there is no finished run or fit, its cells are too small for their counts to be kept in the folder, or would
        be with this ``least_cell``: then the folder would lose its fit.
    IntegrityError
        If a file has changed since it was written.
    SpecError
        If the people to poststratify to are not there.
    """
    check_least(least_cell)
    path, say = Path(saved), progress or (lambda text: None)
    whole = path.is_dir()
    if out is None and not whole:
        raise StoreError(f"{path.name} is no folder of a run → say where the report of a fit goes: --out DIR")
    folder = make_folder(out if out is not None else path)
    say(f"reading {path.name}")
    kept = _of_run(path) if whole else Kept(load(path), (), {}, {"remarks": [_NOT_FITTED]})
    earlier_run(folder, kept.fit.spec.name)
    place = Path(data) if data is not None else path if whole else path.parent
    with listening() as heard:
        contents = _contents(kept, place, least_cell, say)
    if whole and folder.samefile(path) and not may_be_kept(kept.fit, least_cell):
        raise StoreError(
            f"with cells of fewer than {least_cell} people kept back {path.name!r} could not keep its fit → "
            "write into another folder: --out DIR"
        )
    plan = read_lock(locked) if isinstance(locked, str | Path) else locked
    texts = [*contents.warnings, *(f"{w.category.__name__}: {w.message}" for w in heard)]
    contents = replace(contents, warnings=tuple(dict.fromkeys(texts)), locked=plan)
    paths = write_run(contents, least_cell, folder, say)
    return RunResult(folder, paths, contents.fit, contents.estimates, contents.status)


def _of_run(folder: Path) -> Kept:
    """Return what a finished run kept, of which nothing has changed since."""
    try:
        record = json.loads((folder / LOCK).read_text(encoding="utf-8"))
        files: Mapping[str, str] = dict(record["files"])
    except OSError as error:
        raise StoreError(
            f"{folder.name!r} holds no finished run: there is no {LOCK} → alliancecred run, or "
            f"alliancecred report {FOLDER}/{FIT} --out DIR, if that is there"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError(f"{folder.name}/{LOCK} cannot be read: {error} → run the analysis again") from error
    own = {name: digest for name, digest in files.items() if name.startswith(f"{FOLDER}/")}
    if f"{FOLDER}/{FIT}" not in own or f"{FOLDER}/{FRAMES}" not in own:
        raise StoreError(
            f"{folder.name!r} keeps no fit, since small cells keep back what they answered → "
            "`alliancecred run … --fit FILE` keeps the fit for yourself; then `alliancecred report FILE --out DIR`"
        )
    for name, digest in own.items():
        path = folder / FOLDER / Path(name).name
        if not path.is_file() or digest_of(path) != digest:
            raise IntegrityError(f"{name} is not the file that the run wrote → restore it, or run the analysis again")
    return read_kept(folder / FOLDER)


def _contents(kept: Kept, place: Path, least: int, say: Say) -> Contents:
    fit, spec, words = kept.fit, kept.fit.spec, kept.words
    seed = int(fit.idata.attrs["random_seed"])
    people = _people(spec, place)
    say("checking the design and drawing from the priors")
    rehearsed = rehearse(fit.design, fit.cells, random_seed=seed, population=people)
    estimates = evaluate_all(fit, people)
    pairs = zip(spec.variants, kept.varied, strict=False)
    varied = tuple(
        Varied(v, other, tuple(renamed(e, v.name) for e in evaluate_all(other, people))) for v, other in pairs
    )
    truth = evaluate_all(simulate(spec).truth, people) if spec.simulated else ()
    say("checking the predictions")
    frames = kept.frames
    left_out = frames.get("left_out")
    remarks = [text for text in (*_texts(words, "remarks"), "" if frames else remark(fit, least)) if text]
    return Contents(
        fit,
        estimates,
        varied,
        full_table(spec, [*estimates, *(e for v in varied for e in v.estimates)], truth),
        None if rehearsed is None else summary(rehearsed[1]),
        without_small(ppc(fit, random_seed=seed), least),
        None if left_out is None else without_small(left_out, least),
        tuple(remarks),
        _texts(words, "warnings"),
        str(words.get("source") or "; ".join(dict.fromkeys(r.source for r in fit.cells.reports))),
        tuple((str(a), str(b)) for a, b in _list(words, "files")),
        str(words.get("date") or dt.date.today().isoformat()),
        float(str(words.get("seconds") or fit.idata.attrs["fit_time"])),
        moved=frames.get("moved"),
        reliance=reliance_on(fit, estimates),
    )


def _people(spec: Spec, place: Path) -> Population | None:
    try:
        return None if spec.population is None else open_population(spec.population, place)
    except SpecError as error:
        remedy = "say where the table of people lies: --data FOLDER"
        raise SpecError([replace(p, remedy=remedy) for p in error.problems]) from error


def _list(words: Mapping[str, object], key: str) -> list[Any]:
    found = words.get(key)
    return found if isinstance(found, list) else []


def _texts(words: Mapping[str, object], key: str) -> tuple[str, ...]:
    return tuple(map(str, _list(words, key)))
