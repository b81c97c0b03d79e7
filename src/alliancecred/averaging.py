"""Draws of rows → draws of averages: equal weights within a country, then equal countries."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from .asked import rows_for
from .composition import Kinds
from .declared import Covariate
from .design import Coefficient
from .estimate import LABELS, Estimate
from .fitting import Fit
from .gates import weights_of
from .identify import always_said
from .prediction import estimate_status
from .scoring import score_rows
from .spec import Spec
from .wording import data_words


def scored(
    fit: Fit,
    table: pd.DataFrame,
    answer: str,
    sizes: Mapping[str, int] | None,
    on: Mapping[str, float] | None = None,
    weeks: float | None = None,
    covariate: tuple[Covariate, float] | None = None,
    composition: str | None = None,
    kinds: Kinds | None = None,
    given: Sequence[str] | None = None,
) -> np.ndarray:
    """Return the estimand's value in every row, (draws, rows): per cent, or points for ``mean``.

    ``on`` switches signals on (1) or off (0), as if sent ``weeks`` ago if given; ``covariate`` has a value everywhere;
    ``composition`` names the population whose people (their covariates) are meant, instead of each row's own;
    ``kinds`` and ``given`` as in `composed`.
    """
    rows = rows_for(fit, table)
    for name, value in (on or {}).items():
        rows = rows.with_signal(name, value, weeks)
    if covariate is not None:
        rows = rows.with_covariate(*covariate)
    held = (covariate[0].name,) if covariate is not None else ()
    return score_rows(fit, rows, answer, sizes, kinds=kinds, held=held, of=composition, given=given)


_NAMED = 12  # countries that are named where they are averaged over
LEVELS = ("levels", "marginal mean")  # estimands that are no differences


def _weights(table: pd.DataFrame, by: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Groups in order of appearance, and weights (rows, groups): equal within country, equal over countries."""
    keys = list(by)
    if not keys:
        groups, member = pd.DataFrame(index=[0]), np.zeros(len(table), dtype=int)
    else:
        groups = table[keys].drop_duplicates().reset_index(drop=True)
        member = table[keys].merge(groups.reset_index(), on=keys, how="left")["index"].to_numpy()
    weights = np.zeros((len(table), len(groups)))
    frame = pd.DataFrame({"group": member, "country": table.country.to_numpy()})
    within = frame.groupby(["group", "country"])["country"].transform("size").to_numpy(dtype=float)
    across = frame.groupby("group")["country"].transform("nunique").to_numpy(dtype=float)
    weights[np.arange(len(table)), member] = 1.0 / (within * across)
    return groups, weights


def make_estimate(
    fit: Fit,
    name: str,
    table: pd.DataFrame,
    by: Sequence[str],
    values: np.ndarray,
    *,
    answer: str,
    identification: str,
    smallest: float = 0.0,
    notes: tuple[str, ...] = (),
    sides: tuple[np.ndarray, np.ndarray] | None = None,
    people: str | None = None,
) -> Estimate:
    """Return the `Estimate` of rows averaged into groups ``by``; the rest of the arguments describe it.

    ``people`` says who was averaged over, where that are not those asked.
    """
    groups, weights = _weights(table, by)
    labels = {k: groups[k].to_numpy(dtype=str) if k in groups else _constant(table, k, len(groups)) for k in LABELS[1:]}
    labels |= {str(k): groups[k].to_numpy(dtype=str) for k in groups if k not in LABELS}
    coords = {"estimand": np.full(len(groups), name)} | labels
    post = fit.posterior.sizes

    def averaged(x: np.ndarray) -> xr.DataArray:
        shaped = (x @ weights).reshape(post["chain"], post["draw"], -1)
        return xr.DataArray(
            shaped,
            dims=("chain", "draw", "row"),
            coords={k: ("row", np.asarray(v, dtype=str)) for k, v in coords.items()} | weights_of(fit.posterior),
        )

    draws = averaged(values)
    level = name in LEVELS
    unit = (
        ("points" if level else "scale points") if answer == "mean" else ("percent" if level else "percentage points")
    )
    said = always_said(fit.cells, prior_only=fit.prior_only)
    return Estimate(
        draws=draws,
        unit=unit,
        identification=identification,
        answer=answer,
        spec=fit.spec,
        smallest=smallest,
        averaged=_words(fit, table, by, people_asked(fit, by) if people is None else people),
        before=averaged(sides[0]) if sides else None,
        after=averaged(sides[1]) if sides else None,
        status=estimate_status(fit, draws, unit),
        notes=(*said, *notes) if fit.prior_only else (*notes, *said),
        data="" if fit.prior_only else data_words(fit.cells),
    )


def _constant(table: pd.DataFrame, key: str, size: int) -> np.ndarray:
    """The one value all rows share (shown although not asked for), else empty."""
    values = set(table[key]) if key in table else set()
    shared = values.pop() if len(values) == 1 and key in ("wave", "population", "target", "ally") else ""
    return np.full(size, shared)


def people_asked(fit: Fit, by: Sequence[str]) -> str:
    """Return in words over which people asked is averaged; empty where nothing tells them apart."""
    names = [c.name for c in fit.spec.used_covariates if c.of_people and c.name not in by]
    names += [g.name for g in fit.spec.groups if g.name not in by]
    return f"over the people asked in each country ({', '.join(names)})" if names else ""


def _words(fit: Fit, table: pd.DataFrame, by: Sequence[str], people: str) -> str:
    parts = [] if "country" in by else [_over_countries(fit.spec, table, by)]
    free = [f for f in ("ally", "target", "wave", "population") if f not in by]
    within = table.groupby([*by, *(() if "country" in by else ("country",))], sort=False)[free].nunique().gt(1)
    if rest := [f for f in free if within[f].any()]:
        words = f"within a country equally over {' and '.join(rest)}"
        roles = within[rest].any(axis=1).groupby("role", sort=False).any() if "role" in by else None
        some = () if roles is None or roles.all() else roles.index[roles]
        parts.append(words + (f" ({', '.join(some)})" if len(some) else ""))
    parts += [people] if people else []
    return "; ".join(parts) or "nothing: one row per combination"


def _over_countries(spec: Spec, table: pd.DataFrame, by: Sequence[str]) -> str:
    """Say which countries are averaged over; where they differ by row, of each role, or how many."""
    names = list(dict.fromkeys(table.country))

    def listed(have: Sequence[str]) -> str:
        return ", ".join(map(spec.label, have))

    def sets(keys: Sequence[str]) -> dict[tuple[str, ...], tuple[str, ...]]:
        grouped = table.groupby(list(keys), sort=False)["country"]
        return {tuple(map(str, k)): tuple(n for n in names if n in set(c)) for k, c in grouped}

    rows = set(sets(by).values()) if by else {tuple(names)}
    few_names = len(names) <= _NAMED
    whole = f"{len(names)} countries" + (f" ({listed(names)})" if few_names else "")
    if len(rows) == 1:
        return f"equal weights over {whole}" if len(names) > 1 else f"country {listed(names)}"
    if "role" in by and rows == set((roles := sets(("role",))).values()):
        gone = {role: [n for n in names if n not in have] for (role,), have in roles.items()}
        without = [f", without {listed(gone[r])} for role {r}" for r in sorted(gone, reverse=True) if gone[r]]
        return f"equal weights over {whole}{''.join(without)}"
    few, many = min(map(len, rows)), max(map(len, rows))
    size = f"{few} of {len(names)}" if few == many else f"{few} to {many} of {len(names)}"
    return f"equal weights over the countries of each row, {size}" + (f" ({listed(names)})" if few_names else "")


def prior_shares(fit: Fit, variable: str) -> tuple[str, ...]:
    """Return, for each coefficient of a variable, how much of its posterior variance is the prior's."""
    if variable not in fit.design.variables:
        return ()
    draws = fit.draws()[variable].reshape(len(next(iter(fit.draws().values()))), -1)
    out = []
    for i, j in enumerate(fit.design.variables[variable]):
        c = fit.design.coefficients[j]
        sd = getattr(c.prior, "sd", np.inf)
        share = float(draws[:, i].var() / sd**2)
        out.append(
            f"{_gap_words(c)}: posterior sd {draws[:, i].std():.2f}, prior sd {sd:.2f} ({fit.spec.unit}): "
            f"the prior gives {100 * min(share, 1.0):.0f} % of its precision"
        )
    return tuple(out)


def _gap_words(coefficient: Coefficient) -> str:
    carrier = coefficient.carrier
    what = f"{str(carrier.population).capitalize()} gap over all"
    if carrier.signal:
        what += f" in the shift after {carrier.signal}"
    return f"{what} ({coefficient.label})" if coefficient.label else what
