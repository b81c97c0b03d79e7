"""Many fits: a task over keyed items, on whatever joblib runs on, each result kept as soon as it is there.

What an item gives depends on its key, its value and the study's seed alone: not on the worker, the number of
workers, the order, or what was done before an interruption.
"""

import hashlib
import inspect
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .cells import Cells
from .design import Design
from .errors import FitError, StudyError
from .fitting import Fit, Method, fit_design
from .journal import append, open_journal
from .sampling import Sampling
from .sources import Survey, Toplines

Facts = dict[str, Any]
_BLOCK = 4  # items per worker and round, where joblib cannot hand over results one by one


def run_study[T](
    task: Callable[[T, int], Mapping[str, Any]],
    items: Mapping[str, T],
    *,
    identity: Mapping[str, Any],
    random_seed: int = 0,
    path: str | Path | None = None,
    n_jobs: int | None = None,
    progressbar: bool = True,
) -> dict[str, Facts]:
    """Run a task on every item, in parallel, and keep each result as soon as it is there.

    Runs on processes of this machine, or wherever ``joblib.parallel_config`` says::

        from dask.distributed import Client
        client = Client("scheduler:8786")
        with joblib.parallel_config(backend="dask"):
            run_study(...)

    Dask's workers give every freed page back to the system, which costs a fit up to half of its speed: start them
    with ``MALLOC_TRIM_THRESHOLD_=134217728`` and ``MALLOC_MMAP_THRESHOLD_=33554432`` in their environment
    (``distributed.nanny.pre-spawn-environ``).

    Parameters
    ----------
    task
        ``task(value, seed)`` → facts: a table of JSON values (numbers must be finite). It must depend on nothing
        else, and be importable or picklable by cloudpickle.
    items
        Key → value. The key names the result in the file and, with ``random_seed``, gives the item's seed.
    identity
        What the study is (digests of spec and data, options), in JSON values: a ``path`` that holds another
        study, or one of another version of this library, is refused. The items do not belong to it: a study may
        grow.
    random_seed
        Seed of the study.
    path
        A file of JSON lines. What it already holds is not run again; None keeps nothing.
    n_jobs
        Workers; None means those of the active ``joblib.parallel_config``, or every core where there is none.
    progressbar
        Whether to show progress on standard error.

    Returns
    -------
    dict
        Key → facts, in the order of ``items``.

    Raises
    ------
    StudyError
        If a task raises, or its facts are no JSON; it names the item. What was done until then is kept.
    StoreError
        If ``path`` holds another study.

    Examples
    --------
    >>> def task(value, seed):
    ...     return {"twice": 2 * value}
    >>> run_study(task, {"a": 1, "b": 2}, identity={"task": "twice"}, n_jobs=1, progressbar=False)
    {'a': {'twice': 2}, 'b': {'twice': 4}}
    """
    from . import __version__

    whole = {**identity, "random_seed": random_seed, "alliancecred": __version__}
    done = open_journal(path, whole) if path is not None else {}
    todo = [(key, value, seed_of(random_seed, key)) for key, value in items.items() if key not in done]
    with _bar(progressbar, len(items), len(items) - len(todo)) as tick:
        for key, seconds, facts in _stream(task, todo, n_jobs):
            if path is not None:
                append(path, key, seconds, facts)
            done[key] = facts
            tick()
    return {key: done[key] for key in items}


def seed_of(random_seed: int, key: str) -> int:
    """Return the seed of an item: a number of 48 bits that depends on the study's seed and the key alone.

    Examples
    --------
    >>> seed_of(1, "a") == seed_of(1, "a"), seed_of(1, "a") == seed_of(1, "b")
    (True, False)
    """
    return int.from_bytes(hashlib.sha256(f"{random_seed}\x1f{key}".encode()).digest()[:6], "big")


def refit(
    design: Design, cells: Cells, seed: int, *, draws: int, method: Method, mask: np.ndarray | None = None
) -> Fit | str:
    """Return a fit on one core, or in words why there is none; a fit that misses its gates is a fit."""
    options = Sampling(cores=1)
    try:
        return fit_design(design, cells, random_seed=seed, draws=draws, method=method, sampling=options, mask=mask)
    except (FitError, np.linalg.LinAlgError) as error:
        return f"failed: {type(error).__name__}: {error}"


def name_of(function: Callable[..., Any]) -> str:
    """Return what tells a user's function from another: its name and source (not what it closes over).

    Examples
    --------
    >>> name_of(abs)
    'abs'
    """
    match function:
        case partial():
            return f"{name_of(function.func)} {function.args} {function.keywords}"
        case _ if not hasattr(function, "__qualname__"):
            return repr(function)
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return str(function.__qualname__)


def sources_digest(sources: Sequence[Survey | Toplines]) -> str:
    """Return the SHA-256 of what sources say: answers, counts, published shares (not their reports)."""
    whole = hashlib.sha256()
    for source in sources:
        match source:
            case Survey():
                content = source.table.to_csv(index=False)
            case Toplines():
                content = json.dumps([source.overdispersion, *map(asdict, source.rows)], default=_plain, sort_keys=True)
        whole.update(json.dumps([source.answers, source.top, content]).encode())
    return whole.hexdigest()


def cells_digest(cells: Cells) -> str:
    """Return the SHA-256 of what cells hold: labels, covariates, counts, who gave them, published shares."""
    people = [] if cells.people is None else [v.tolist() for v in vars(cells.people).values()]
    shares = json.dumps([*cells.overdispersion.tolist(), *map(asdict, cells.toplines)], default=_plain, sort_keys=True)
    covariates = {name: values.tolist() for name, values in cells.rows.covariates.items()}
    inside = [] if cells.inside is None else [v.tolist() for v in vars(cells.inside).values()]
    inside += [list(cells.scores), cells.sums.tolist()] if cells.scores else []
    inside += [] if cells.choices is None else [v.tolist() for v in vars(cells.choices).values()]
    parts = (cells.labels().to_csv(index=False), covariates, cells.counts.tolist(), people, shares, inside)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


# --- where it runs --------------------------------------------------------------------------------
def _stream[T](
    task: Callable[[T, int], Mapping[str, Any]], todo: Sequence[tuple[str, T, int]], n_jobs: int | None
) -> Iterator[tuple[str, float, Facts]]:
    from joblib import Parallel, delayed
    from joblib.parallel import get_active_backend

    if not todo:
        return
    by_one = get_active_backend()[0].supports_return_generator
    kind = "generator_unordered" if by_one else "list"
    jobs = [delayed(_run)(task, *item) for item in todo]
    with Parallel(n_jobs=workers(n_jobs), return_as=kind, batch_size=1) as parallel:
        block = len(jobs) if by_one else _BLOCK * parallel.n_jobs
        for start in range(0, len(jobs), block):
            yield from parallel(jobs[start : start + block])


def workers(n_jobs: int | None) -> int | None:
    """Return ``n_jobs`` for joblib: as given, else left to the active ``parallel_config``, else every core."""
    from joblib import parallel_config
    from joblib.parallel import default_parallel_config

    if n_jobs is not None:
        return n_jobs
    with parallel_config() as active:  # it sets nothing, and shows what is set around it
        silent = all(active[k] is default_parallel_config[k] for k in ("backend", "n_jobs"))
    return -1 if silent else None


def _run[T](task: Callable[[T, int], Mapping[str, Any]], key: str, value: T, seed: int) -> tuple[str, float, Facts]:
    """One item, on one core; what it returns is what would be read back from the file."""
    from threadpoolctl import threadpool_limits

    start = time.perf_counter()
    try:
        with threadpool_limits(1):
            found = task(value, seed)
        facts = json.loads(json.dumps(found, allow_nan=False, default=_plain))
    except Exception as error:
        raise StudyError(f"item {key!r}: {type(error).__name__}: {error}", key) from error
    return key, time.perf_counter() - start, facts


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


@contextmanager
def _bar(show: bool, total: int, done: int) -> Iterator[Callable[[], None]]:
    """A progress bar on standard error, or nothing; gives the function to call after each item."""
    if not show:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=total, completed=done)
        yield lambda: progress.advance(bar)
