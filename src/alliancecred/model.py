"""Design → `pymc.Model`: one plain form to read and to simulate from, one swept form to sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from .cells import Cells
from .design import Design, Pooled, fixed_matrix, pooled_matrix
from .outcome import Lattice, make_lattice, multinomial_constant
from .sweep import Swept, cholesky, components, covariance, mean_covariance, swept_matrix
from .terms import LKJ, Flat, Normal

Tensor = Any


@dataclass(frozen=True)
class Observed:
    """The numbers the likelihood needs; arrays of equal shapes may replace each other without compiling.

    ``mask`` is 1 for rows that count and 0 for rows held out, shape (rows,).
    """

    counts: np.ndarray
    binomial: Lattice
    dirichlet: Lattice
    binomial_rows: np.ndarray
    dirichlet_rows: np.ndarray
    mask: np.ndarray


def observed(design: Design, cells: Cells) -> Observed:
    """Return the likelihood's numbers of some cells."""
    n = len(cells.counts)
    plain, over = np.flatnonzero(cells.overdispersion == 0), np.flatnonzero(cells.overdispersion > 0)

    def lattice(index: np.ndarray) -> Lattice:
        return make_lattice([cells.toplines[i] for i in index], cells.overdispersion[index], design.answers)

    return Observed(cells.counts.astype(float), lattice(plain), lattice(over), n + plain, n + over,
                    np.ones(len(cells.rows)))


# --- the likelihood, as a graph -------------------------------------------------------------------
def log_probs(eta: Tensor, cuts: Tensor | None) -> Tensor:
    """Return log P(answer = k), (rows, K); the graph of `outcome.log_probs`."""
    if cuts is None:
        return pt.stack([-pt.softplus(eta), -pt.softplus(-eta)], axis=-1)
    below = -pt.softplus(eta[:, None] - cuts)
    above = -pt.softplus(cuts - eta[:, None])
    inner = pt.log(-pt.expm1(-(cuts[1:] - cuts[:-1])))
    return pt.concatenate([below[:, :1], below[:, 1:] + above[:, :-1] + inner, above[:, -1:]], axis=-1)


def cut_graph(spacing: Tensor) -> Tensor:
    """Return centred cuts from log-spacings; the graph of `outcome.cut_points`."""
    raw = pt.concatenate([pt.zeros(1), pt.cumsum(pt.exp(spacing))])
    return raw - pt.mean(raw)


def _lattice_graph(logp: Tensor, counts: Tensor, constant: Tensor, lattice: Lattice) -> Tensor:
    with np.errstate(divide="ignore"):
        mask = np.log(lattice.groups)
    q = pt.logsumexp(logp[:, None, :] + mask, axis=-1)
    if np.isfinite(lattice.concentration).all():
        a = lattice.concentration[:, None] * pt.exp(q)
        flat = pt.sum(pt.gammaln(counts + a[:, None, :]) - pt.gammaln(a)[:, None, :], axis=-1)
    else:
        flat = pt.sum(counts * q[:, None, :], axis=-1)
    return pt.logsumexp(constant + flat, axis=-1)


def _row_loglik(logp: Tensor, data: Mapping[str, Tensor], obs: Observed) -> Tensor:
    """Log likelihood of every row (without the multinomial constant of the counts), (rows,)."""
    n = len(obs.counts)
    pieces = [pt.sum(data["counts"] * logp[:n], axis=-1)] if n else []
    tops = [pt.zeros(0)]
    order = [np.zeros(0, dtype=int)]
    for kind in ("binomial", "dirichlet"):
        lattice, rows = getattr(obs, kind), getattr(obs, f"{kind}_rows")
        if len(rows):
            tops.append(_lattice_graph(logp[rows], data[f"{kind}_counts"], data[f"{kind}_constant"], lattice))
            order.append(rows)
    if len(tops) > 1:
        place = np.argsort(np.concatenate(order))
        pieces.append(pt.concatenate(tops[1:])[place] if len(tops) > 2 else tops[1])
    return pt.concatenate(pieces) if len(pieces) > 1 else pieces[0]


def data_of(obs: Observed) -> dict[str, np.ndarray]:
    """Return the arrays that are inputs of a compiled model, by name."""
    out = {"mask": obs.mask}
    if len(obs.counts):
        out["counts"] = obs.counts
    for kind in ("binomial", "dirichlet"):
        lattice = getattr(obs, kind)
        if len(lattice):
            out |= {f"{kind}_counts": lattice.counts, f"{kind}_constant": lattice.constant}
    return out


# --- the plain form -------------------------------------------------------------------------------
def plain_model(design: Design, cells: Cells) -> pm.Model:
    """Return the model as written in the docs: named, dimensioned variables, one per block.

    The likelihood enters as a potential named ``loglik`` that includes every constant.
    """
    obs = observed(design, cells)
    with pm.Model(coords=coords_of(design, cells)) as model:
        eta: Tensor = 0.0
        X = fixed_matrix(design, cells.rows)
        for variable, index in design.variables.items():
            eta = eta + pt.dot(X[:, list(index)], _fixed_variable(design, variable, index))
        for block in design.pooled:
            matrix = pooled_matrix(design, block, cells.rows).toarray()
            eta = eta + pt.dot(matrix, _pooled_variable(design, block, model).ravel())
        cuts = _cut_variable(design)
        data = {k: pm.Data(k, v) for k, v in data_of(obs).items()}
        constant = np.zeros(len(cells.rows))
        constant[: len(obs.counts)] = multinomial_constant(obs.counts)
        rows = _row_loglik(log_probs(eta, cuts), data, obs) + constant
        pm.Potential("loglik", data["mask"] * rows, dims="cell")
    return model


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
        out["cell"] = [str(i) for i in range(len(cells.rows))]
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


def _fixed_variable(design: Design, variable: str, index: Sequence[int]) -> Tensor:
    priors = [design.coefficients[i].prior for i in index]
    dims = dims_of(design)[variable] or None
    if any(isinstance(p, Flat) for p in priors):
        value = pm.Flat(variable, dims=dims)
    else:
        mean, sd = [p.mean for p in priors], [p.sd for p in priors]  # type: ignore[union-attr]
        value = pm.Normal(variable, mean if dims else mean[0], sd if dims else sd[0], dims=dims)
    return value if dims else value[None]


def _pooled_variable(design: Design, block: Pooled, model: pm.Model) -> Tensor:
    sd = pm.HalfNormal(block.sd_name, block.scale.sd)
    if block.partner is None:
        return pm.Normal(block.variable, 0.0, sd, dims=block.by)
    rho = correlation_variable(block)
    slope = rho * sd / model[f"sd_{block.partner}"]
    return pm.Normal(block.variable, slope * model[block.partner], sd * pt.sqrt(1 - rho**2), dims=block.by)


def correlation_variable(block: Pooled) -> Tensor:
    """Return the correlation of a block with its partner: 2·Beta(η, η) − 1 (uniform for η = 1)."""
    match block.correlation:
        case LKJ(eta=1.0):
            return pm.Uniform(block.corr_name, -1.0, 1.0)
        case LKJ(eta=eta):
            return pm.Deterministic(block.corr_name, 2.0 * pm.Beta(f"{block.corr_name}_unit", eta, eta) - 1.0)


def _cut_variable(design: Design) -> Tensor | None:
    if design.answers == 2:
        return None
    prior: Normal = design.cuts
    return cut_graph(pm.Normal("cut_spacing", prior.mean, prior.sd, dims="spacing"))


# --- the swept form -------------------------------------------------------------------------------
def swept_model(swept: Swept, cells: Cells, centred: Sequence[bool]) -> pm.Model:
    """Return the model the engine samples: coordinates of `sweep`, centred or not per stratum."""
    design = swept.design
    obs = observed(design, cells)
    with pm.Model() as model:
        scales: dict[str, Tensor] = {}
        if design.pooled:
            sd = pm.HalfNormal("sd", np.array([b.scale.sd for b in design.pooled]), shape=len(design.pooled))
            scales = {b.sd_name: sd[i] for i, b in enumerate(design.pooled)}
        scales |= {b.corr_name: correlation_variable(b) for b in design.correlated}
        pieces = [_mean_coordinates(swept, scales)]
        for i, (stratum, centre) in enumerate(zip(swept.strata, centred, strict=True)):
            low = cholesky(covariance(stratum, scales), pt.sqrt)
            shape = (len(stratum.carriers), stratum.size)
            if centre:
                x = pm.Flat(f"x{i}", shape=shape)
                pm.Potential(f"p{i}", _gauss(low, [x[j] for j in range(shape[0])], stratum.size))
            else:
                raw = pm.Normal(f"x{i}", 0.0, 1.0, shape=shape)
                x = pt.concatenate([_combine(low[j], raw) for j in range(shape[0])])
            pieces.append(x.ravel())
        eta = pt.dot(swept_matrix(swept, cells.rows), pt.concatenate(pieces))
        cuts = _swept_cuts(design)
        data = {k: pm.Data(k, v) for k, v in data_of(obs).items()}
        pm.Potential("loglik", pt.sum(data["mask"] * _row_loglik(log_probs(eta, cuts), data, obs)))
    return model


def _swept_cuts(design: Design) -> Tensor | None:
    if design.answers == 2:
        return None
    return cut_graph(pm.Normal("cut_spacing", design.cuts.mean, design.cuts.sd, shape=design.answers - 2))


def _combine(row: Sequence[Any], raw: Tensor) -> Tensor:
    return sum((w * raw[k] for k, w in enumerate(row) if not isinstance(w, int)), start=0.0)


def _gauss(low: list[list[Any]], x: Sequence[Tensor], size: int) -> Tensor:
    """Log density (up to a constant) of rows of N(0, LLᵀ), by forward substitution."""
    y: list[Tensor] = []
    total: Tensor = 0.0
    for i, row in enumerate(low):
        rest = x[i]
        for k in range(i):
            if not isinstance(row[k], int):
                rest = rest - row[k] * y[k]
        y.append(rest / row[i])
        total = total - 0.5 * pt.sum(y[i] ** 2) - size * pt.log(row[i])
    return total


def _mean_coordinates(swept: Swept, scales: Mapping[str, Tensor]) -> Tensor:
    coefficients = swept.design.coefficients
    cov = mean_covariance(swept, scales)
    size = len(cov)
    u = pm.Flat("u", shape=size)
    proper = [i for i in range(size) if i >= len(coefficients) or not isinstance(coefficients[i].prior, Flat)]
    centre = [getattr(coefficients[i].prior, "mean", 0.0) if i < len(coefficients) else 0.0 for i in range(size)]
    total: Tensor = 0.0
    for group in components([[cov[i][j] for j in proper] for i in proper]):
        index = [proper[g] for g in group]
        low = cholesky([[cov[i][j] for j in index] for i in index], lambda v: v**0.5)
        total = total + _gauss(low, [u[i] - centre[i] for i in index], 1)
    pm.Potential("prior_u", total)
    return u
