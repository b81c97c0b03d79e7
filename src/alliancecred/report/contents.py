"""Everything a report shows, computed once, as one frozen value."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from ..asking import evaluate
from ..errors import SpecError, raise_spec
from ..estimate import Estimate
from ..fitting import Fit
from ..populations import Population
from ..prediction import OWN
from ..preregistration import Locked
from ..spec import Estimand, Spec, Variant
from ..summaries import summary

SHORT = 12  # digits of a SHA-256 that are enough to tell analyses apart


@dataclass(frozen=True)
class Varied:
    """The same analysis with another overdispersion."""

    variant: Variant
    fit: Fit
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True)
class Contents:
    """What a report shows.

    Parameters
    ----------
    fit, estimates
        The main analysis; one estimate per estimand of its spec, in that order.
    varied
        The declared variants.
    table
        Summary of all estimates (variants below), as in ``summary.csv``.
    prior
        Summary of the main estimates under the prior, row by row, or None.
    ppc, left_out
        Posterior predictive frame; leave-one-cell-out frame, or None.
    remarks
        What must be said: why something is missing, what failed.
    warnings
        Warnings raised on the way, as text.
    source
        Where the data come from, in one line.
    files
        Name and SHA-256 of each source file.
    date, seconds
        Day of the run, and how long it took.
    locked
        The lock it is compared with, if any.
    reliance
        What the estimates rest on (`powerscale_sensitivity`), or None.
    moved
        The first estimand with other priors of the scales that rest on few groups, or None (`few.vary_scales`).
    """

    fit: Fit
    estimates: tuple[Estimate, ...]
    varied: tuple[Varied, ...]
    table: pd.DataFrame
    prior: pd.DataFrame | None
    ppc: pd.DataFrame
    left_out: pd.DataFrame | None
    remarks: tuple[str, ...]
    warnings: tuple[str, ...]
    source: str
    files: tuple[tuple[str, str], ...]
    date: str
    seconds: float
    locked: Locked | None = None
    reliance: pd.DataFrame | None = None
    moved: pd.DataFrame | None = None

    @property
    def spec(self) -> Spec:
        """The analysis."""
        return self.fit.spec

    @property
    def asked(self) -> list[tuple[Estimand, Estimate, pd.DataFrame]]:
        """Each estimand with its estimate and its rows of the table."""
        out, start = [], 0
        for estimand, estimate in zip(self.spec.estimands, self.estimates, strict=True):
            rows = self.table.iloc[start : start + len(estimate)].reset_index(drop=True)
            out.append((estimand, estimate, rows))
            start += len(estimate)
        return out

    @property
    def status(self) -> str:
        """``passed``, or every gate that failed."""
        return overall((self.fit, *(v.fit for v in self.varied)), self.estimates_all)

    @property
    def estimates_all(self) -> tuple[Estimate, ...]:
        """The main estimates and those of the variants."""
        return (*self.estimates, *(e for v in self.varied for e in v.estimates))


def evaluate_all(fit: Fit, population: Population | None = None) -> tuple[Estimate, ...]:
    """Return the estimate of every estimand of a fit's spec, poststratified ones over a population.

    Raises
    ------
    SpecError
        Listing every estimand the data cannot answer.
    """
    out, problems = [], []
    for i, estimand in enumerate(fit.spec.estimands):
        try:
            out.append(evaluate(fit, estimand, population))
        except SpecError as error:
            problems += [replace(p, column=f"estimands[{i}] {p.column}".strip()) for p in error.problems]
    raise_spec(problems)
    return tuple(out)


def renamed(estimate: Estimate, variant: str) -> Estimate:
    """Return the estimate with `` | variant`` behind the name of every row."""
    names = np.array([f"{n} | {variant}" for n in estimate.draws["estimand"].values.astype(str)], dtype=str)
    return relabelled(estimate, "estimand", names)


def relabelled(estimate: Estimate, label: str, values: np.ndarray) -> Estimate:
    """Return the estimate with other values of a label."""

    def changed(a: xr.DataArray) -> xr.DataArray:
        return a.assign_coords({label: ("row", values)})

    before, after = (None if a is None else changed(a) for a in (estimate.before, estimate.after))
    return replace(estimate, draws=changed(estimate.draws), before=before, after=after)


def overall(fits: Sequence[Fit], estimates: Sequence[Estimate]) -> str:
    """Return ``passed``, or what failed in any fit, each once, and in how many estimates which gate of their own."""
    every = [f.diagnosis.status for f in fits] + [e.status for e in estimates]
    said = [text.removeprefix("failed: ").split("; ") for text in every if text != "passed"]
    shared = dict.fromkeys(part for parts in said for part in parts if not part.startswith(OWN))
    gates = [{p.removeprefix(OWN).split(" for ")[0] for p in parts if p.startswith(OWN)} for parts in said]
    own = Counter(gate for found in gates for gate in found)
    words = [*shared, *(f"{gate} in {n} of {len(estimates)} estimates" for gate, n in sorted(own.items()))]
    return "failed: " + "; ".join(words) if words else "passed"


def full_table(spec: Spec, estimates: Sequence[Estimate], truth: Sequence[Estimate] = ()) -> pd.DataFrame:
    """Return `summary` of all estimates with full names, and the truth where there is one.

    Columns are those of `summary`, then ``analysis`` (its name and the beginning of its SHA-256), ``country_name,
    ally_name`` and, with ``truth``, ``truth``.
    """
    table = summary(list(estimates)).assign(analysis=f"{spec.name} {spec.digest[:SHORT]}")
    for key in ("country", "ally"):
        table[f"{key}_name"] = [spec.label(code) if code else "" for code in table[key]]
    if not truth:
        return table
    known = pd.concat([_truth(e) for e in truth], ignore_index=True).fillna("")
    keys = [k for k in known if k != "truth"]
    return table.merge(known.drop_duplicates(keys), on=keys, how="left", validate="many_to_one")


def _truth(estimate: Estimate) -> pd.DataFrame:
    rows = pd.DataFrame([estimate.labels(i) for i in range(len(estimate))], columns=list(estimate.keys), dtype=object)
    return rows.assign(truth=estimate.draws.mean(("chain", "draw")).to_numpy())


def covered(table: pd.DataFrame) -> tuple[int, int]:
    """Return how many intervals of a table cover their truth, and of how many."""
    known = table[table["truth"].notna()] if "truth" in table else table.iloc[:0]
    if known.empty:
        return 0, 0
    return int(((known["lower"] <= known["truth"]) & (known["truth"] <= known["upper"])).sum()), len(known)
