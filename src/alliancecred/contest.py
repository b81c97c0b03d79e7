"""Profiles against those they were shown with: the chance that one is chosen, whatever the other is."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from .cells import Rows, group_covariates
from .composition import numbered
from .design import Design
from .opponents import Curve
from .predictor import linear_predictor


def contest(design: Design, draws: Mapping[str, np.ndarray]) -> Callable[[Rows], np.ndarray]:
    """Return what gives the chance that the profile of a row is chosen, (draws, rows).

    Its opponents (`Design.opponents`) are in the same place, before the same people: they differ in attributes alone.
    """
    opponents, curves = design.opponents, dict[tuple[float, ...], Curve]()
    assert opponents is not None

    def against(row: Rows) -> Curve:
        others = row.take(np.zeros(len(opponents.share), dtype=int))
        codes = {**others.codes, **opponents.codes}
        of_groups = group_covariates(design.spec, design.levels, codes)
        others = replace(others, codes=codes, covariates={**others.covariates, **of_groups})
        return opponents.curve(linear_predictor(design, others, draws))

    def chosen(rows: Rows) -> np.ndarray:
        eta = linear_predictor(design, rows, draws)
        shared = [c for f, c in rows.codes.items() if f not in opponents.codes]
        shared += [*rows.on.values(), *rows.weeks.values(), *rows.covariates.values()]
        place, out = numbered(shared), np.empty((len(rows), len(eta))).T
        for p in range(place.max(initial=-1) + 1):
            own = np.flatnonzero(place == p)
            key = tuple(float(values[own[0]]) for values in shared)
            if key not in curves:
                curves[key] = against(rows.take(own[:1]))
            out[:, own] = curves[key].at(eta[:, own])
        return out

    return chosen
