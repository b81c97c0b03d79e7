"""The one place that knows what a term means: spec + cells → blocks of the linear predictor.

    η = Σ fixed coefficient · carrier + Σ pooled block: carrier · effect[group]

A *carrier* is a number per row (1 for a level; "signal on and the ally is the sender" for a
first-order shift). The likelihood, every engine and every prediction evaluate the same blocks by
`linear_predictor`, or multiply the matrices made from the same carriers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from .carriers import Carrier, carrier_values, group_index
from .cells import Cells, Levels, Rows
from .errors import Problem, SpecError
from .spec import Spec
from .terms import FACTORS, LKJ, ROLES, Cuts, Fixed, Flat, Gap, HalfNormal, Level, Normal, Shift


@dataclass(frozen=True)
class Coefficient:
    """One unpooled coefficient: entry ``label`` of ``variable`` (scalar variables have label "")."""

    variable: str
    label: str
    carrier: Carrier
    prior: Normal | Flat

    @property
    def name(self) -> str:
        """The variable, with its label in brackets."""
        return f"{self.variable}[{self.label}]" if self.label else self.variable


@dataclass(frozen=True)
class Pooled:
    """A block of exchangeable effects over the full grid of ``by``, with a scale of its own.

    ``partner`` names the level block it is correlated with.
    """

    variable: str
    by: tuple[str, ...]
    carrier: Carrier
    scale: HalfNormal
    partner: str | None = None
    correlation: LKJ = LKJ()

    @property
    def sd_name(self) -> str:
        """Name of its scale."""
        return f"sd_{self.variable}"

    @property
    def corr_name(self) -> str:
        """Name of its correlation with the partner."""
        return f"corr_{self.variable}"


@dataclass(frozen=True)
class Design:
    """The linear-Gaussian structure of a model on given levels.

    Parameters
    ----------
    spec, levels
        What it was made from.
    coefficients
        Unpooled coefficients, the intercept first.
    pooled
        Pooled blocks, levels before shifts before gaps.
    cuts
        Prior of the log-spacings of the cuts.
    notes
        What was merged, left out, or rests on the prior; shown in the report.
    """

    spec: Spec
    levels: Levels
    coefficients: tuple[Coefficient, ...]
    pooled: tuple[Pooled, ...]
    cuts: Normal
    notes: tuple[str, ...] = ()

    @cached_property
    def answers(self) -> int:
        """Number of answers K."""
        return len(self.spec.answers)

    @cached_property
    def variables(self) -> Mapping[str, tuple[int, ...]]:
        """Unpooled variable → positions of its coefficients."""
        out: dict[str, tuple[int, ...]] = {}
        for i, c in enumerate(self.coefficients):
            out[c.variable] = (*out.get(c.variable, ()), i)
        return out

    def shape(self, block: Pooled) -> tuple[int, ...]:
        """Return the number of levels along each factor of a block."""
        return tuple(len(self.levels[f]) for f in block.by)

    def block(self, variable: str) -> Pooled:
        """Return the pooled block of that name."""
        return next(b for b in self.pooled if b.variable == variable)

    @cached_property
    def correlated(self) -> tuple[Pooled, ...]:
        """Blocks that are correlated with a level block."""
        return tuple(b for b in self.pooled if b.partner is not None)


# --- blocks as matrices ---------------------------------------------------------------------------
def fixed_matrix(design: Design, rows: Rows) -> np.ndarray:
    """Return the matrix (rows, coefficients) of the unpooled part."""
    columns = [carrier_values(c.carrier, rows, design.levels, design.spec) for c in design.coefficients]
    return np.column_stack(columns)


def pooled_matrix(design: Design, block: Pooled, rows: Rows) -> sp.csr_array:
    """Return the sparse matrix (rows, groups) of a pooled block."""
    value = carrier_values(block.carrier, rows, design.levels, design.spec)
    index = group_index(block.by, rows, design.levels)
    size = int(np.prod(design.shape(block)))
    matrix = sp.csr_array((value, (np.arange(len(rows)), index)), shape=(len(rows), size))
    matrix.eliminate_zeros()
    return matrix


def linear_predictor(design: Design, rows: Rows, draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return η, shape (draws, rows).

    Parameters
    ----------
    draws
        Variable → array with the draws along the first axis: unpooled variables ``(draws,)`` or
        ``(draws, labels)``, pooled ones ``(draws, *levels)``.
    """
    beta = np.column_stack([_flat(draws[v]) for v in design.variables])
    order = np.concatenate([np.asarray(i) for i in design.variables.values()])
    eta = beta @ fixed_matrix(design, rows)[:, order].T
    for block in design.pooled:
        value = carrier_values(block.carrier, rows, design.levels, design.spec)
        used = np.flatnonzero(value)
        index = group_index(block.by, rows, design.levels)[used]
        eta[:, used] += _flat(draws[block.variable])[:, index] * value[used]
    return np.asarray(eta)


def _flat(a: np.ndarray) -> np.ndarray:
    return np.asarray(a, dtype=float).reshape(len(a), -1)


# --- terms to blocks ----------------------------------------------------------------------------
def draft_design(spec: Spec, levels: Levels) -> Design:
    """Return every coefficient and block the terms of a spec ask for, whatever the data can tell apart."""
    return Design(
        spec=spec,
        levels=levels,
        coefficients=(Coefficient("intercept", "", Carrier(), spec.intercept), *_coefficients(spec)),
        pooled=tuple(_pooled(spec)),
        cuts=next((t.spacing for t in spec.terms if isinstance(t, Cuts)), Cuts().spacing),
    )


def _coefficients(spec: Spec) -> Iterator[Coefficient]:
    roles = ROLES if spec.self_ratings == "apart" else ROLES[:2]
    for term in spec.terms:
        match term:
            case Fixed(name=name, where=where, prior=prior):
                yield Coefficient(f"fixed_{name}", "", Carrier(where=where), prior)
            case Shift(signal=signal, by=(), prior=prior):
                for role in term.roles or roles:
                    yield Coefficient(f"shift_{signal}", role, Carrier(signal, (role,)), prior)
            case Gap(population=population, by=(), signal=None, prior=prior):
                yield Coefficient(f"gap_{population}", "", Carrier(population=population), prior)
            case Gap(population=population, by=(), signal=str(signal), prior=prior):
                for role in term.roles or roles:
                    carrier = Carrier(signal, (role,), population)
                    yield Coefficient(f"gap_{population}_shift_{signal}", role, carrier, prior)
            case _:
                pass


def _ordered(by: Sequence[str]) -> tuple[str, ...]:
    return tuple(f for f in FACTORS if f in by)


def _pooled(spec: Spec) -> Iterator[Pooled]:
    all_roles = ROLES if spec.self_ratings == "apart" else ROLES[:2]
    for term in sorted(spec.terms, key=lambda t: (Level, Shift, Gap, Fixed, Cuts).index(type(t))):
        if isinstance(term, Fixed | Cuts) or not term.by:
            continue
        by = _ordered(term.by)
        suffix = "_".join(by)
        match term:
            case Level(scale=scale):
                yield Pooled(f"level_{suffix}", by, Carrier(), scale)
            case Shift(signal=signal, scale=scale):
                partner = f"level_{suffix}" if term.correlated else None
                wanted = term.roles or all_roles
                whole = () if set(wanted) == set(all_roles) else wanted
                groups = [whole] if term.together else [(r,) for r in wanted]
                for roles in groups:
                    name = f"shift_{signal}_{'_'.join(roles) or 'all'}_{suffix}"
                    yield Pooled(name, by, Carrier(signal, roles), scale, partner, term.correlation)
            case Gap(population=population, signal=signal, scale=scale):
                carrier = Carrier(signal, term.roles, population)
                infix = f"_shift_{signal}" if signal else ""
                yield Pooled(f"gap_{population}{infix}_{suffix}", by, carrier, scale)


def coords_of(design: Design, cells: Cells | None = None) -> dict[str, Sequence[str]]:
    """Return the coordinates of every dim the posterior uses."""
    out: dict[str, Sequence[str]] = {f: list(v) for f, v in design.levels.items()}
    for variable, index in design.variables.items():
        labels = [design.coefficients[i].label for i in index]
        if labels[0]:
            out[f"{variable}_role"] = labels
    if design.answers > 2:
        out["spacing"] = [f"{a} | {b}" for a, b in zip(design.spec.answers[1:-1], design.spec.answers[2:], strict=True)]
    if cells is not None:
        out["cell"] = [str(i) for i in range(len(cells.counts))]
        out["topline"] = [str(i) for i in range(len(cells.toplines))]
        out["answer"] = list(design.spec.answers)
    return out


def dims_of(design: Design) -> dict[str, tuple[str, ...]]:
    """Return the dims of every variable of the posterior."""
    out: dict[str, tuple[str, ...]] = {}
    for variable, index in design.variables.items():
        out[variable] = (f"{variable}_role",) if design.coefficients[index[0]].label else ()
    for block in design.pooled:
        out |= {block.variable: block.by, block.sd_name: ()}
        if block.partner:
            out[block.corr_name] = ()
    if design.answers > 2:
        out["cut_spacing"] = ("spacing",)
    return out


def prior_only(design: Design, cells: Cells) -> dict[str, int]:
    """Return for every pooled block how many of its groups no datum touches."""
    out = {}
    for block in design.pooled:
        touched = np.diff(pooled_matrix(design, block, cells.rows).tocsc().indptr) > 0
        out[block.variable] = int((~touched).sum())
    return out


def refuse(where: str, message: str, remedy: str = "") -> SpecError:
    """Return a `SpecError` with one problem."""
    return SpecError([Problem("schema", where, message, (), remedy)])


def with_notes(design: Design, notes: Sequence[str]) -> Design:
    """Return the design with more notes."""
    return replace(design, notes=(*design.notes, *notes))
