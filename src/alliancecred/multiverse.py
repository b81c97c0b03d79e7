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
from .identify import make_design
from .journal import canonical
from .priors import HalfNormal, Normal
from .sources import Survey, Toplines
from .spec import Estimand, Spec
from .spec_file import as_spec
from .studies import cells_digest, refit, run_study, sources_digest
from .summaries import COLUMNS, DIAGNOSTICS, summary
from .terms import Cuts, Drift, Effect, Fixed, Gap, Level, Respondent, Shift, Slope, Term, Trend

_TEXT = {"unit", "identification", "status"}


@dataclass(frozen=True)
class Analysis:
    """A specification that brings its own data (recoded, without a country, with another overdispersion)."""

    spec: Spec
    sources: tuple[Survey | Toplines, ...]


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
        Name → `Spec`, or `Analysis` where the data differ too. See `prior_grid` and `overdispersion_grid`. A
        later call with more, and the same ``path``, fits only what is new. Or a `Fit`, to vary one thing of it.
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
        ``method``. A specification whose fit gave no posterior has one row, without numbers; its ``status``
        says why.

    Raises
    ------
    SpecError
        Before anything is fitted, if a specification does not match its data, or there is no question.

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
    rows = [
        {"specification": name, **row, "method": facts["method"]}
        for name, facts in zip(found_grid, found.values(), strict=True)
        for row in facts["rows"]
    ]
    extra = [c for c in ("smallest", "p_beyond") if any(c in r for r in rows)]
    known = {"specification", "method", *COLUMNS, *DIAGNOSTICS, *extra}
    own = list(dict.fromkeys(k for row in rows for k in row if k not in known))
    columns = ["specification", *LABELS, *own, *COLUMNS[len(LABELS) :], *DIAGNOSTICS, *extra, "method"]
    frame = pd.DataFrame(rows, columns=columns).fillna(dict.fromkeys(own, ""))
    numbers = [c for c in (*COLUMNS[len(LABELS) :], *DIAGNOSTICS, *extra) if c not in _TEXT]
    return frame.astype(dict.fromkeys(numbers, float))


def _of_grid(
    grid: Mapping[str, Spec | Analysis], sources: Sequence[Survey | Toplines | str]
) -> Iterator[tuple[str, tuple[Design, Cells, str]]]:
    data = tuple(s for s in sources if not isinstance(s, str))
    if len(data) < len(sources):
        raise SpecError("what to vary is said of a fit: sensitivity(fit, 'cuts')")
    for name, given in grid.items():
        one = given if isinstance(given, Analysis) else Analysis(given, data)
        _, cells, design = prepare(one.spec, *one.sources)
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


def cuts_grid(spec: Spec | str | Path) -> dict[str, Spec]:
    """Return the spec with cuts common to all and with cuts by country: whether words mean the same everywhere.

    Raises
    ------
    SpecError
        If there are two answers, whose one cut is the level's, or answers are numbers, which have no cuts to free.

    Examples
    --------
    >>> spec = Spec("demo", ("no", "maybe", "yes"), ("yes",), ())
    >>> list(cuts_grid(spec))
    ['common cuts', 'cuts by country']
    """
    spec = as_spec(spec)
    if len(spec.answers) < 3:
        raise SpecError("two answers have one cut, which is the level's: there is nothing to vary")
    declared = next((t for t in spec.terms if isinstance(t, Cuts)), Cuts())
    others = tuple(t for t in spec.terms if not isinstance(t, Cuts))
    kinds = {"common cuts": Cuts(spacing=declared.spacing), "cuts by country": replace(declared, by=("country",))}
    return {name: as_spec(replace(spec, terms=(*others, cuts))) for name, cuts in kinds.items()}


def _summarise(
    value: tuple[Design, Cells, tuple[Estimand, ...]], seed: int, *, draws: int, method: Method
) -> dict[str, Any]:
    design, cells, asked = value
    fit = refit(design, cells, seed, draws=draws, method=method)
    if isinstance(fit, str):
        return {"rows": [{"status": fit}], "method": method}
    table = summary([evaluate(fit, e) for e in asked])
    rows = table.astype(object).where(table.notna() & ~table.isin([np.inf, -np.inf]), None).to_dict("records")
    return {"rows": rows, "method": fit.idata.attrs["method"]}


# --- grids that vary one thing at a time ----------------------------------------------------------
def prior_grid(spec: Spec | str | Path, factors: Sequence[float] = (0.5, 2.0)) -> dict[str, Spec]:
    """Return the spec as declared, and with the sd of each of its priors multiplied by each factor.

    Examples
    --------
    >>> from alliancecred.terms import Gap, Level
    >>> spec = Spec("demo", ("no", "yes"), ("yes",), (Level(("country",)), Gap()))
    >>> list(prior_grid(spec, factors=(2.0,)))
    ['as declared', 'sd of intercept × 2', 'sd of level by country × 2', 'sd of gap elite × 2']
    """
    spec = as_spec(spec)
    bad = [f for f in factors if not 0 < f < np.inf]
    if bad:
        raise SpecError(f"factors must be positive, got {bad}")
    out = {"as declared": spec}
    for factor in factors:
        wider = replace(spec.intercept, sd=spec.intercept.sd * factor)
        out[f"sd of intercept × {factor:g}"] = replace(spec, intercept=wider)
    for i, term in enumerate(spec.terms):
        for factor in factors:
            changed = _scaled(term, factor)
            if changed != term:
                terms = (*spec.terms[:i], changed, *spec.terms[i + 1 :])
                out[f"sd of {_words(term)} × {factor:g}"] = replace(spec, terms=terms)
    return out


def _scaled(term: Term, factor: float) -> Term:
    """The term with the sd of the prior that is in force multiplied; a flat one stays."""

    def wider[P: (Normal, HalfNormal)](prior: P) -> P:
        return replace(prior, sd=prior.sd * factor)

    match term:
        case Level() | Trend() | Respondent():
            return replace(term, scale=wider(term.scale))
        case Cuts():
            scale = wider(term.scale) if term.by else term.scale
            return replace(term, spacing=wider(term.spacing), scale=scale)
        case Shift() | Gap() | Slope() | Effect() if term.by:
            return replace(term, scale=wider(term.scale))
        case (
            Shift(prior=Normal() as prior)
            | Gap(prior=Normal() as prior)
            | Slope(prior=Normal() as prior)
            | Effect(prior=Normal() as prior)
            | Fixed(prior=Normal() as prior)
        ):
            return replace(term, prior=wider(prior))
        case Drift(sd=sd):
            return replace(term, sd=sd * factor)
    return term


def _words(term: Term) -> str:
    parts = [term.tag]
    parts += [str(getattr(term, k)) for k in ("name", "covariate", "signal", "population") if getattr(term, k, None)]
    parts += [" and ".join(term.of)] if isinstance(term, Effect) else []
    if getattr(term, "by", ()):
        parts.append("by " + " and ".join(getattr(term, "by", ())))
    if getattr(term, "roles", ()):
        parts.append(f"({', '.join(getattr(term, 'roles', ()))})")
    return " ".join(parts)


def overdispersion_grid(
    spec: Spec | str | Path, *sources: Survey | Toplines, values: Sequence[float]
) -> dict[str, Analysis]:
    """Return the analysis with each overdispersion (intraclass correlation) of all its published shares.

    Raises
    ------
    SpecError
        If a value is not in [0, 1), or no source holds published shares.
    """
    spec = as_spec(spec)
    if not any(isinstance(s, Toplines) and s.rating is None for s in sources):
        raise SpecError("no source holds published shares: there is no overdispersion to vary")
    bad = [v for v in values if not 0 <= v < 1]
    if bad:
        raise SpecError(f"overdispersion lies in [0, 1), got {bad}")

    def with_value(value: float) -> tuple[Survey | Toplines, ...]:
        return tuple(replace(s, overdispersion=value) if isinstance(s, Toplines) else s for s in sources)

    return {f"overdispersion {v:g}": Analysis(spec, with_value(v)) for v in values}
