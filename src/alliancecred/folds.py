"""How well a model predicts cells it has not seen: K-fold and leave-one-group-out, by exact refits."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .asked import By, factors_of
from .cells import Cells
from .design import Design
from .errors import SpecError
from .fitting import Method, prepare
from .prediction import row_log_likelihood
from .predictive import elpd, family_of, log_predictive
from .sources import Survey, Toplines
from .spec import Spec
from .studies import refit, run_study, sources_digest


@dataclass(frozen=True)
class Folds:
    """What `k_fold` found.

    Parameters
    ----------
    name
        The analysis.
    elpd, se
        Sum over cells of the log predictive density of each held-out cell, and its standard error
        √(cells · variance over cells); higher is better.
    table
        One row per fold: ``fold, rows, elpd, se, status``.
    cells
        One row per cell, in the order of the data: the factors, ``fold``, ``lpd``, and ``ess``, the effective
        number of posterior draws behind it (below about 20, ``lpd`` is noisy and too low).
    family
        ``answers`` if ``lpd`` is of the chance of answers, ``normal`` or ``slider`` if of a density of numbers.
    """

    name: str
    elpd: float
    se: float
    table: pd.DataFrame
    cells: pd.DataFrame
    family: str = "answers"

    @property
    def failed(self) -> int:
        """Folds whose fit missed its gates; they are in the sum (NaN where there is no posterior)."""
        return int((self.table["status"] != "passed").sum())

    def __repr__(self) -> str:
        return (
            f"<Folds {self.name}: elpd {self.elpd:.1f} (se {self.se:.1f}) over {len(self.cells)} cells held out in "
            f"{len(self.table)} folds, {self.failed} failed>"
        )


def k_fold(
    spec: Spec | str | Path,
    *sources: Survey | Toplines,
    k: int = 10,
    by: By = (),
    draws: int = 1000,
    method: Method = "auto",
    random_seed: int = 0,
    path: str | Path | None = None,
    n_jobs: int | None = None,
    progressbar: bool = True,
) -> Folds:
    """Return how well each cell is predicted from a fit without its fold (Vehtari, Gelman & Gabry 2017).

    The log predictive density is that of each cell by itself (of its counts, or of its published share), averaged
    over the posterior without the whole fold. It is not the joint density of a fold.

    Parameters
    ----------
    spec, sources
        As in `fit`.
    k
        Folds cells are dealt into at random; as many as there are cells leaves one cell out at a time.
    by
        Instead: a fold per level of these factors. ``country`` leaves one country out, with everything asked in
        it; its effects are then drawn from their pooled distribution.
    draws, method
        As in `fit`; four chains.
    random_seed, path, n_jobs, progressbar
        As in `run_study`; the seed also deals the cells.

    Returns
    -------
    Folds

    Raises
    ------
    SpecError
        If there are fewer than two folds, or more than cells.

    Examples
    --------
    >>> import alliancecred as ac
    >>> survey = ac.simulate("retrenchment_simulated").survey
    >>> ac.k_fold("retrenchment_simulated", survey, by="country")  # doctest: +SKIP
    """
    parsed, cells, design = prepare(spec, *sources)
    dealt = deal(cells.labels(), k, by, random_seed)
    names = list(dict.fromkeys(dealt))
    found = run_study(
        partial(_hold_out, design=design, cells=cells, draws=draws, method=method),
        {name: np.flatnonzero(dealt == name) for name in names},
        identity={"study": "k_fold", "spec": parsed.digest, "data": sources_digest(sources)}
        | {"draws": draws, "method": method, "folds": names},
        random_seed=random_seed,
        path=path,
        n_jobs=n_jobs,
        progressbar=progressbar,
    )
    frame = cells.labels().assign(fold=dealt, lpd=np.nan, ess=np.nan)
    for name, facts in found.items():
        frame.loc[dealt == name, ["lpd", "ess"]] = np.array([facts["lpd"], facts["ess"]], dtype=float).T
    totals = {name: elpd(frame["lpd"].to_numpy()[dealt == name]) for name in names}
    table = pd.DataFrame(
        {
            "fold": names,
            "rows": [int((dealt == name).sum()) for name in names],
            "elpd": [totals[name][0] for name in names],
            "se": [totals[name][1] for name in names],
            "status": [found[name]["status"] for name in names],
        }
    )
    return Folds(parsed.name, *elpd(frame["lpd"].to_numpy()), table, frame, family_of(parsed))


def deal(labels: pd.DataFrame, k: int, by: By, seed: int) -> np.ndarray:
    """Return the name of each row's fold, (rows,): a level of ``by``, or one of k of equal size at random."""
    factors = factors_of(list(labels.columns), by)
    if factors:
        out = labels[list(factors)].astype(str).agg(", ".join, axis=1).to_numpy(dtype=object)
        if len(set(out)) < 2:
            raise SpecError(f"{' and '.join(factors)} has one level: leaving it out leaves nothing")
        return np.asarray(out)
    if not 2 <= k <= len(labels):
        raise SpecError(f"k must lie between 2 and the number of cells, {len(labels)}, got {k}")
    number = np.empty(len(labels), dtype=int)
    number[np.random.default_rng(seed).permutation(len(labels))] = np.arange(len(labels)) % k
    return np.array([f"{i + 1} of {k}" for i in number], dtype=object)


def _hold_out(
    rows: np.ndarray, seed: int, *, design: Design, cells: Cells, draws: int, method: Method
) -> dict[str, Any]:
    mask = np.ones(len(cells.rows))
    mask[rows] = 0.0
    fit = refit(design, cells, seed, draws=draws, method=method, mask=mask)
    if isinstance(fit, str):
        return {"lpd": [None] * len(rows), "ess": [None] * len(rows), "status": fit}
    lpd, ess = log_predictive(row_log_likelihood(design, cells, fit.draws())[:, rows])
    return {"lpd": lpd, "ess": ess, "status": fit.diagnosis.status}
