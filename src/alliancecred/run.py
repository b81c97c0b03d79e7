"""The main job: from an analysis in a file to estimates, figures and a report in a folder."""

import datetime as dt
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import xarray as xr

from . import check
from .assemble import data_groups
from .disclosure import LEAST, check_least, guarded, remark, without_small
from .errors import ConvergenceError, SpecError, listening
from .estimate import Estimate
from .files import check_room, digest_of, make_folder, replace_file
from .fitting import Fit, Method, fit, prepare
from .kept import FOLDER as SAVED
from .kept import keep_run
from .opening import Opened, folder_of, given, open_sources
from .preregistration import Locked, read_lock
from .record import run_record
from .report import (
    Contents,
    Varied,
    draw_pictures,
    evaluate_all,
    full_table,
    rehearse,
    reliance_on,
    renamed,
    render,
    source_line,
    title_of,
    vary_scales,
)
from .results_folder import LOCK, earlier_run, remove_leftovers
from .sampling import Sampling
from .simulation import Simulated
from .sources import Survey, Toplines
from .spec import Spec, Variant
from .spec_file import as_spec
from .store import try_draws, write_draws, write_lock, write_spec
from .summaries import summary, write_csv
from .tabulating import write_tables

Say = Callable[[str], None]
MOST_LEFT_OUT = 30  # rows; each of them is a fit of its own
LEFT_OUT_DRAWS = 500  # per chain, of every fit without one cell
LEFT_OUT = Sampling(tune=400, target_accept=0.95, retries=0)  # a row's fit that fails its gates says so beside it


@dataclass(frozen=True)
class RunResult:
    """What a run gave.

    Parameters
    ----------
    out, paths
        The folder, and every file written.
    fit, estimates
        The main analysis, and one estimate per estimand of its spec.
    status
        ``passed``, or which gates failed, variants included.
    """

    out: Path
    paths: tuple[Path, ...]
    fit: Fit
    estimates: tuple[Estimate, ...]
    status: str

    @property
    def passed(self) -> bool:
        """Whether every gate was passed."""
        return self.status == "passed"

    @property
    def report(self) -> Path:
        """The report."""
        return self.out / "report.html"


@dataclass(frozen=True)
class _Draws:
    seed: int
    draws: int
    chains: int
    method: Method
    keep: str | Path | None


def run(
    spec: Spec | str | Path,
    out: str | Path,
    *,
    sources: Sequence[Survey | Toplines | Simulated] | None = None,
    random_seed: int = 1,
    draws: int = 1000,
    chains: int = 4,
    method: Method = "auto",
    progress: Say | None = None,
    data: str | Path | None = None,
    least_cell: int = LEAST,
    locked: Locked | str | Path | None = None,
    strict: bool = False,
    keep: str | Path | None = None,
) -> RunResult:
    """Read, fit, evaluate, check, draw and report an analysis, into a folder.

    Parameters
    ----------
    spec
        A `Spec`, a TOML file, or the name of a shipped model.
    out
        The folder; it is made if it is not there. Files of an earlier run of this analysis are replaced one by one,
        those that are not made again are removed, unless somebody has changed them.
    sources
        Used instead of the sources the spec declares.
    random_seed
        Of everything that is drawn.
    draws, chains
        Kept draws per chain, and chains.
    method
        Engine, as in `fit`.
    progress
        Called with a line of text at each step.
    data
        The folder the paths in the spec are relative to; by default that of its file.
    least_cell
        Cells of fewer people keep what they answered out of everything that is written; 0 shows all.
    locked
        A lock (`lock`) or its file: the report says what this analysis does differently.
    strict
        Raise, and write nothing, where a gate fails.
    keep
        A folder for finished chains, from which a run that was killed goes on (see `Sampling`).

    Returns
    -------
    RunResult

    Raises
    ------
    SpecError, DataError
        Before anything is sampled, listing every problem.
    IncompleteFitError
        If sampling was interrupted; nothing was written.
    StoreError
        If the folder cannot be written to, has no room for the draws, holds the results of another analysis, or a
        lock cannot be read; before anything is sampled.
    ConvergenceError
        If a gate failed and ``strict``.

    Notes
    -----
    ``lock.json`` is removed before the first file is written and comes last, with the SHA-256 of every other: a folder
    without it is not finished.
    """
    start = time.perf_counter()
    check_least(least_cell)
    say = progress or (lambda text: None)
    parsed = as_spec(spec)
    plan = read_lock(locked) if isinstance(locked, str | Path) else locked
    if not parsed.estimands:
        raise SpecError("the spec declares no estimands: there is nothing to report → add [[estimands]]")
    folder = make_folder(out)
    earlier_run(folder, parsed.name)
    with listening() as heard:
        opened = given(sources) if sources is not None else open_sources(parsed, data or folder_of(spec), say)
        contents = _compute(parsed, opened, _Draws(random_seed, draws, chains, method, keep), least_cell, folder, say)
    texts = tuple(dict.fromkeys(f"{w.category.__name__}: {w.message}" for w in heard))
    contents = replace(contents, warnings=texts, seconds=time.perf_counter() - start, locked=plan)
    if strict and contents.status != "passed":
        raise ConvergenceError(contents.status)
    paths = write_run(contents, least_cell, folder, say)
    for w in heard:
        warnings.warn(w.message, w.category, stacklevel=2)
    return RunResult(folder, paths, contents.fit, contents.estimates, contents.status)


# --- what is computed -----------------------------------------------------------------------------
def _compute(spec: Spec, opened: Opened, size: _Draws, least: int, folder: Path, say: Say) -> Contents:
    say("checking the design and drawing from the priors")
    prior = _prior_table(spec, opened, size, folder)
    main = _fit(spec, opened.sources, size, say)
    estimates = evaluate_all(main, opened.population)
    varied = tuple(_vary(spec, v, opened, size, say) for v in spec.variants)
    truth = evaluate_all(opened.truth, opened.population) if opened.truth is not None else ()
    say("checking the predictions")
    ppc = without_small(check.ppc(main, random_seed=size.seed), least)
    left_out, why = _leave_out(main, size, say)
    left_out = None if left_out is None else without_small(left_out, least)
    moved, unmoved = vary_scales(main, opened.population, random_seed=size.seed, draws=size.draws)
    table = full_table(spec, [*estimates, *(e for v in varied for e in v.estimates)], truth)
    remarks = [text for text in (why, unmoved, remark(main, least)) if text]
    if prior is None:
        remarks.append("A prior is flat: nothing can be drawn from it, so no prior intervals are shown.")
    return Contents(
        main,
        estimates,
        varied,
        table,
        prior,
        ppc,
        left_out,
        tuple(remarks),
        (),
        source_line(spec, opened.sources),
        opened.files,
        dt.date.today().isoformat(),
        0.0,
        moved=moved,
        reliance=reliance_on(main, estimates),
    )


def _prior_table(spec: Spec, opened: Opened, size: _Draws, folder: Path) -> pd.DataFrame | None:
    """Return what the priors say; what cannot be computed, written or held by the disk fails here."""
    _, cells, design = prepare(spec, *opened.sources)
    rehearsed = rehearse(design, cells, random_seed=size.seed, population=opened.population)
    if rehearsed is None:
        try_draws(xr.DataTree.from_dict(data_groups(design, cells)), (), folder)
        return None
    made = rehearsed[0].posterior.sizes
    bytes_each = try_draws(rehearsed[0].idata, rehearsed[1], folder) / (made["chain"] * made["draw"])
    check_room(folder, int(2 * bytes_each * size.chains * size.draws * (1 + len(spec.variants))))
    return summary(rehearsed[1])


def _fit(spec: Spec, sources: Sequence[Survey | Toplines], size: _Draws, say: Say, *, name: str = "") -> Fit:
    say(f"drawing {size.chains} × {size.draws:,} draws" + (f" for the variant {name!r}" if name else ""))
    result = fit(
        spec,
        *sources,
        random_seed=size.seed,
        draws=size.draws,
        chains=size.chains,
        method=size.method,
        sampling=Sampling(keep=size.keep),
        progressbar=False,
    )
    attrs = result.idata.attrs
    say(f"drawn by {attrs['method']} ({attrs['method_reason']}): {result.diagnosis.status}")
    return result


def _vary(spec: Spec, variant: Variant, opened: Opened, size: _Draws, say: Say) -> Varied:
    sources = [
        replace(s, overdispersion=variant.overdispersion) if isinstance(s, Toplines) else s for s in opened.sources
    ]
    other = _fit(spec, sources, size, say, name=variant.name)
    return Varied(variant, other, tuple(renamed(e, variant.name) for e in evaluate_all(other, opened.population)))


def _leave_out(main: Fit, size: _Draws, say: Say) -> tuple[pd.DataFrame | None, str]:
    rows = int(check.lines_of(main).max()) + 1
    if rows < 2:
        return None, ""
    if rows > MOST_LEFT_OUT:
        return None, (
            f"Leaving out one cell at a time would take {rows} fits; it is done for up to {MOST_LEFT_OUT} "
            "cells. Call leave_one_out(fit, rows=...) for the cells you doubt."
        )
    say(f"leaving out one of {rows} cells at a time")
    draws = min(LEFT_OUT_DRAWS, size.draws)
    refits = check.leave_one_out(main, random_seed=size.seed, draws=draws, method=size.method, sampling=LEFT_OUT)
    return refits, ""


# --- what is written ------------------------------------------------------------------------------
def write_run(contents: Contents, least: int, folder: Path, say: Say) -> tuple[Path, ...]:
    """Write everything a run gave into its folder, the lock last."""
    say("writing tables and draws")
    earlier = earlier_run(folder, contents.spec.name)
    (folder / LOCK).unlink(missing_ok=True)
    tables = {
        "summary": contents.table,
        "ppc": contents.ppc,
        "leave_one_out": contents.left_out,
        "prior": contents.prior,
        "reliance": contents.reliance,
        "few_groups": contents.moved,
    }
    paths = [write_csv(frame, folder / f"{name}.csv") for name, frame in tables.items() if frame is not None]
    paths.append(write_draws(guarded(contents.fit, least), contents.estimates_all, folder / "draws.nc"))
    paths.append(write_spec(contents.spec, folder / "spec.toml"))
    paths += keep_run(contents, folder / SAVED, least)
    paths += write_tables([(title_of(asked), e) for asked, e, _ in contents.asked], make_folder(folder / "tables"))
    say("drawing figures")
    pictures = draw_pictures(contents, make_folder(folder / "figures"))
    paths += [p for picture in pictures for p in picture.files]
    say("writing the report")
    paths.append(replace_file(folder / "report.html", render(contents, pictures).encode("utf-8", "backslashreplace")))
    files = {p.relative_to(folder).as_posix(): digest_of(p) for p in sorted(paths)}
    remove_leftovers(folder, earlier, files)
    paths.append(write_lock(run_record(contents) | {"files": files}, folder / LOCK))
    return tuple(paths)
