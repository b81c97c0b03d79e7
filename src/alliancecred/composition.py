"""Who the people asked are, in the covariates of people: averages over them, for any country and population."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from .cells import Cells, Rows
from .spec import Spec


def composed(
    spec: Spec, cells: Cells, rows: Rows, *, held: Collection[str] = (), of: str | None = None
) -> tuple[Rows, np.ndarray, np.ndarray] | None:
    """Return every row once for each kind of person asked in its country and population.

    Kinds are combinations of the covariates of people; their shares are those of all answers counted in that country
    and population, whatever the wave and the ally, so that a change is never one of who was asked. Where nobody was
    asked, they are those of the population everywhere.

    Parameters
    ----------
    held
        Covariates that keep the value the rows have.
    of
        The population whose kinds are taken, instead of each row's own.

    Returns
    -------
    rows, start, share
        The rows, (more,); where each given row starts, (rows,); the share of each, (more,), summing to 1 over a row.
        None if no term is about a covariate of people.
    """
    names = [c.name for c in spec.covariates if c.of_people and c.name in cells.rows.covariates and c.name not in held]
    if not names:
        return None
    n = len(cells.counts)
    values = np.column_stack([cells.rows.covariates[k][:n] for k in names])
    kinds, kind = np.unique(values, axis=0, return_inverse=True)
    place = cells.levels["country"], cells.levels["population"]
    shares = np.zeros((len(place[0]), len(place[1]), len(kinds)))
    asked = cells.rows.codes["country"][:n], cells.rows.codes["population"][:n]
    np.add.at(shares, (*asked, kind.ravel()), cells.counts.sum(1))
    population = rows.codes["population"]
    if of is not None:
        population = np.full(len(rows), place[1].index(of))
    everywhere, country = shares.sum(0), rows.codes["country"]
    own = shares[np.minimum(country, len(shares) - 1), population] * (country < len(shares))[:, None]
    own = np.where(own.sum(1, keepdims=True) > 0, own, everywhere[population])
    row, chosen = np.nonzero(own)
    share = (own / own.sum(1, keepdims=True))[row, chosen]
    more = rows.take(row)
    own_values = {name: kinds[chosen, j] for j, name in enumerate(names)}
    start = np.searchsorted(row, np.arange(len(rows)))
    return replace(more, covariates={**more.covariates, **own_values}), start, share
