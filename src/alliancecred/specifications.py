"""Does the answer depend on choices? The same questions put to many specifications of one analysis."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .asking import evaluate
from .cells import Cells
from .design import Design
from .errors import SpecError
from .estimate import LABELS
from .fitting import Fit, Method, prepare
from .grids import cuts_grid
from .identify import make_design
from .journal import canonical
from .sources import Survey, Toplines
from .spec import Estimand, Spec
from .studies import cells_digest, refit, run_study, sources_digest
from .summaries import COLUMNS, DIAGNOSTICS, summary

CHOICE = "choice: "  # begins the name of a column that says what was chosen in one respect
_TEXT = {"unit", "identification", "status"}


@dataclass(frozen=True)
class Analysis:
    """A specification that brings its own data (recoded, without a country, with another overdispersion).

    ``choices`` says what was chosen in what respect, where choices are crossed (`multiverse`).
    """

    spec: Spec
    sources: tuple[Survey | Toplines, ...]
    choices: tuple[tuple[str, str], ...] = ()


def sensitivity(
    grid: Mapping[str, Spec | Analysis] | Fit,
    *sources: Survey | Toplines | str,
    estimands: Sequence[Estimand] = (),
    draws: int = 1000,
    method: Method = "auto",
    random_seed: int = 0,
    path: str | Path | None = None,
    n_jobs: int | None = None,
    progressbar: bool = True,
) -> pd.DataFrame:
    """Return the same estimands under every specification of a grid (Steegen et al. 2016).

    Parameters
    ----------
    grid
        Name → `Spec`, or `Analysis` where the data differ too. See `prior_grid`, `few_groups_grid`, `terms_grid`,
        `answers_grid`, `without_grid`, `overdispersion_grid`, `multiverse`. A later call with more, and the same
        ``path``, fits only what is new. Or a `Fit`, to vary one thing of it.
    sources
        The data of every `Spec` in the grid. With a `Fit`, what to vary: ``"cuts"`` fits the same data with cuts
        common to all and with cuts by country, ``"weights"`` with the weights of people and without.
    estimands
        The questions; empty means those each spec declares.
    draws, method
        As in `fit`; four chains.
    random_seed, path, n_jobs, progressbar
        As in `run_study`.

    Returns
    -------
    pandas.DataFrame
        One row per specification and row of an estimand: ``specification``, the columns of `summary`, and
        ``method``; of a `multiverse` also what was chosen (``choice: priors``, …). A specification whose fit gave
        no posterior, or whose data cannot answer, has one row, without numbers; its ``status`` says why.

    Raises
    ------
    SpecError
        Before anything is fitted, if a specification does not match its data, or there is no question; after it, if
        none of the specifications can answer.

    Examples
    --------
    >>> import alliancecred as ac
    >>> survey = ac.simulate("retrenchment_simulated").survey
    >>> grid = ac.prior_grid("retrenchment_simulated", factors=(0.5, 2.0))
    >>> ac.sensitivity(grid, survey, estimands=[ac.Estimand("shift")])  # doctest: +SKIP
    >>> ac.sensitivity(fit, "cuts")  # doctest: +SKIP
    """
    found_grid = dict(_of_fit(grid, sources) if isinstance(grid, Fit) else _of_grid(grid, sources))
    items: dict[str, tuple[Design, Cells, tuple[Estimand, ...]]] = {}
    for name, (design, cells, data) in found_grid.items():
        asked = tuple(estimands) or design.spec.estimands
        if not asked:
            raise SpecError(f"{name!r} declares no estimands → give estimands=[Estimand('shift')], say")
        what = canonical({"spec": design.spec.digest, "data": data, "asked": repr(asked)})
        items[f"{name} ({what[:12]})"] = design, cells, asked
    if not items:
        raise SpecError("the grid is empty")
    found = run_study(
        partial(_summarise, draws=draws, method=method),
        items,
        identity={"study": "sensitivity", "draws": draws, "method": method},
        random_seed=random_seed,
        path=path,
        n_jobs=n_jobs,
        progressbar=progressbar,
    )
    why = [facts["unasked"] for facts in found.values() if "unasked" in facts]
    if len(why) == len(found):
        raise SpecError(why[0])
    chosen = {} if isinstance(grid, Fit) else {n: _choices(one) for n, one in grid.items()}
    rows = [
        {"specification": name, **chosen.get(name, {}), **row, "method": facts["method"]}
        for name, facts in zip(found_grid, found.values(), strict=True)
        for row in facts["rows"]
    ]
    extra = [c for c in ("smallest", "p_beyond") if any(c in r for r in rows)]
    choices = list(dict.fromkeys(k for made in chosen.values() for k in made))
    known = {"specification", "method", *choices, *COLUMNS, *DIAGNOSTICS, *extra}
    own = list(dict.fromkeys(k for row in rows for k in row if k not in known))
    columns = ["specification", *choices, *LABELS, *own, *COLUMNS[len(LABELS) :], *DIAGNOSTICS, *extra, "method"]
    frame = pd.DataFrame(rows, columns=columns).fillna(dict.fromkeys([*choices, *own], ""))
    numbers = [c for c in (*COLUMNS[len(LABELS) :], *DIAGNOSTICS, *extra) if c not in _TEXT]
    return frame.astype(dict.fromkeys(numbers, float))


def _choices(one: Spec | Analysis) -> dict[str, str]:
    return {f"{CHOICE}{d}": label for d, label in one.choices} if isinstance(one, Analysis) else {}


def _of_grid(
    grid: Mapping[str, Spec | Analysis], sources: Sequence[Survey | Toplines | str]
) -> Iterator[tuple[str, tuple[Design, Cells, str]]]:
    data = tuple(s for s in sources if not isinstance(s, str))
    if len(data) < len(sources):
        raise SpecError("what to vary is said of a fit: sensitivity(fit, 'cuts')")
    for name, given in grid.items():
        one = given if isinstance(given, Analysis) else Analysis(given, data)
        try:
            _, cells, design = prepare(one.spec, *one.sources)
        except SpecError as error:
            raise SpecError([replace(p, column=f"{name!r}: {p.column}") for p in error.problems]) from error
        yield name, (design, cells, sources_digest(one.sources))


def _of_fit(fit: Fit, what: Sequence[object]) -> Iterator[tuple[str, tuple[Design, Cells, str]]]:
    if list(what) == ["weights"]:
        yield from _weightings(fit)
        return
    if list(what) != ["cuts"]:
        got = ", ".join(map(repr, what)) or "nothing"
        raise SpecError(f"of a fit, 'cuts' or 'weights' can be varied, got {got}")
    data = cells_digest(fit.cells)
    for name, spec in cuts_grid(fit.spec).items():
        yield name, (make_design(spec, fit.cells), fit.cells, data)


def _weightings(fit: Fit) -> Iterator[tuple[str, tuple[Design, Cells, str]]]:
    if fit.cells.unweighted is None:
        raise SpecError("the data have no weights → Roles(weight=…)")
    bare = replace(fit.cells, counts=fit.cells.unweighted, unweighted=None)
    for name, cells in {"unweighted": bare, "weighted": fit.cells}.items():
        yield name, (make_design(fit.spec, cells), cells, cells_digest(cells))


def _summarise(
    value: tuple[Design, Cells, tuple[Estimand, ...]], seed: int, *, draws: int, method: Method
) -> dict[str, Any]:
    design, cells, asked = value
    fit = refit(design, cells, seed, draws=draws, method=method)
    if isinstance(fit, str):
        return {"rows": [{"status": fit}], "method": method}
    try:
        table = summary([evaluate(fit, e) for e in asked])
    except SpecError as error:
        return {"rows": [{"status": f"failed: {error}"}], "method": method, "unasked": str(error)}
    rows = table.astype(object).where(table.notna() & ~table.isin([np.inf, -np.inf]), None).to_dict("records")
    return {"rows": rows, "method": fit.idata.attrs["method"]}
