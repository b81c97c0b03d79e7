"""`alliancecred power`: assurance of every planned size, with its Monte Carlo error."""

import argparse
import sys
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from .errors import SpecError
from .files import make_folder
from .origins import Simulation
from .planning import assurance
from .rules import Rule
from .spec import Spec
from .spec_file import as_spec


@dataclass(frozen=True)
class Assured:
    """The analysis, the rule in words, and one row per plan: the columns of `Assurance` with Monte Carlo errors."""

    name: str
    rule: str
    table: pd.DataFrame


def assured(arguments: argparse.Namespace) -> Assured:
    """Return the assurance of every plan that was asked for."""
    spec = as_spec(arguments.model)
    role = arguments.role or ("sender" if arguments.effect == "shift" else "")
    rule = Rule(
        arguments.effect,
        role=role,
        ally=arguments.ally,
        country=arguments.country,
        signal=arguments.signal,
        direction="<0" if arguments.direction == "below" else ">0",
        prob=arguments.prob,
        smallest=arguments.smallest,
    )
    folder = None if arguments.keep is None else make_folder(arguments.keep)
    sizes: list[int | None] = list(dict.fromkeys(arguments.respondents)) if arguments.respondents else [None]
    tables = []
    for size in sizes:
        found = assurance(
            spec if size is None else with_respondents(spec, size),
            rule,
            n_elites=arguments.elites,
            n_waves=arguments.waves,
            simulations=arguments.simulations,
            draws=arguments.draws,
            method=arguments.method,
            random_seed=arguments.seed,
            path=None if folder is None else folder / _journal(size),
            n_jobs=arguments.jobs,
            progressbar=not arguments.quiet and sys.stderr.isatty(),
        )
        tables.append(found.table.assign(respondents="declared" if size is None else size))
    table = pd.concat(tables, ignore_index=True)
    for share, trials in (("assurance", "simulations"), ("power", "met")):
        table[f"{share}_error"] = monte_carlo_error(table[share].to_numpy(), table[trials].to_numpy())
    first = ["respondents", "n_elites", "n_waves", "simulations", "failed", "assurance", "assurance_error"]
    return Assured(spec.name, str(rule), table[[*first, *(c for c in table if c not in first)]])


def _journal(size: int | None) -> str:
    return "declared.jsonl" if size is None else f"respondents_{size}.jsonl"


def monte_carlo_error(share: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Return the standard error that so many simulations leave a share with: of the Agresti–Coull estimate.

    It is never zero, also where every simulation showed the effect, or none.

    Examples
    --------
    >>> monte_carlo_error(np.array([0.5, 1.0]), np.array([100, 100])).round(3).tolist()
    [0.049, 0.013]
    """
    trials = np.asarray(trials, dtype=float)
    middle = (share * trials + 2) / (trials + 4)
    return np.asarray(np.sqrt(middle * (1 - middle) / (trials + 4)))


def with_respondents(spec: Spec, n: int) -> Spec:
    """Return the spec with so many people in every fielding of its first population.

    Raises
    ------
    SpecError
        If it declares no simulation, or no fielding of that population.
    """
    source = next((s for s in spec.sources if isinstance(s, Simulation)), None)
    if source is None:
        raise SpecError("the spec declares no fieldings: give it a source of kind 'simulation'")
    if all(f.population != spec.reference for f in source.fieldings):
        raise SpecError(f"no fielding is of {spec.reference!r}: --respondents has nothing to vary")
    sized = tuple(replace(f, n=n) if f.population == spec.reference else f for f in source.fieldings)
    return replace(spec, sources=tuple(replace(s, fieldings=sized) if s is source else s for s in spec.sources))


def plan_text(found: Assured) -> str:
    """Return the plans as text for a terminal."""
    names = {"respondents": "people", "n_elites": "elites", "n_waves": "waves"}
    lines = [f"{found.name}: {found.rule}", ""]
    for row in found.table.to_dict("records"):
        plan = ", ".join(f"{words} {'as declared' if row[k] == 'declared' else row[k]}" for k, words in names.items())
        failed = f"; {row['failed']} fits missed their gates and show nothing" if row["failed"] else ""
        lines.append(f"{plan} ({row['simulations']} simulations{failed})")
        lines.append("  assurance  " + _share(row, "assurance", ("lower", "upper")))
        if row["met"]:
            lines.append("  power      " + _share(row, "power", ("power_lower", "power_upper")) + f", of {row['met']}")
        if row["wrong_sign"] == row["wrong_sign"]:
            lines.append(f"  claims with the wrong sign  {row['wrong_sign']:.3f}")
        lines.append(
            f"  truths that meet the rule: {row['met']} of {row['simulations']}; assurance cannot be far above that"
        )
    lines += ["", "Assurance: share of simulations in which the rule holds. Truths are drawn from the priors:"]
    lines += ["where those are symmetric, about half lie on the other side of zero. Power: of truths that"]
    lines += ["meet the rule. Error: Monte Carlo; interval: 95 %, Wilson. More --simulations narrow them."]
    return "\n".join(lines)


def _share(row: Mapping[Hashable, Any], key: str, bounds: tuple[str, str]) -> str:
    low, high = (row[b] for b in bounds)
    return f"{row[key]:.3f}  error {row[f'{key}_error']:.3f}  [{low:.3f}, {high:.3f}]"
