"""Design → `pymc.Model`: the model as written, to read, to extend and to check the engines against."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from .cells import Cells
from .density import cut_group
from .design import CUTS_BY_COUNTRY, SD_CUTS, SD_RESPONDENT, Design, Pooled, half_life
from .dims import coords_of, dims_of
from .gaussian import SIGMA
from .lattice import Lattice, publish
from .predictor import fixed_matrix, pooled_matrix
from .priors import LKJ, Flat, LogNormal, Normal
from .respondents import People, grid
from .sliders import LOCATION, PRECISION

Tensor = Any
_WIDEST = 5.0  # sd of people for which the average over people is good


# --- the likelihood, as a graph -------------------------------------------------------------------
def log_probs(eta: Tensor, cuts: Tensor | None) -> Tensor:
    """Return log P(answer = k), (rows, K), for cuts of all or of each row; the graph of `outcome.log_probs`."""
    if cuts is None:
        return pt.stack([-pt.softplus(eta), -pt.softplus(-eta)], axis=-1)
    below = -pt.softplus(eta[:, None] - cuts)
    above = -pt.softplus(cuts - eta[:, None])
    inner = pt.log(-pt.expm1(-(cuts[..., 1:] - cuts[..., :-1])))
    return pt.concatenate([below[:, :1], below[:, 1:] + above[:, :-1] + inner, above[:, -1:]], axis=-1)


def cut_graph(spacing: Tensor) -> Tensor:
    """Return centred cuts from log-spacings; the graph of `outcome.cut_points`."""
    raw = pt.concatenate([pt.zeros(1), pt.cumsum(pt.exp(spacing))])
    return raw - pt.mean(raw)


def lattice_graph(logp: Tensor, lattice: Lattice) -> Tensor:
    """Return the log mass of every topline, (toplines,); the graph of `lattice.lattice_loglik`."""
    with np.errstate(divide="ignore"):
        mask = np.log(lattice.groups)
    q = pt.logsumexp(logp[:, None, :] + mask, axis=-1)
    flat = pt.sum(lattice.counts * q[:, None, :], axis=-1)
    finite = np.isfinite(lattice.concentration)
    if finite.any():
        a = np.where(finite, lattice.concentration, 1.0)[:, None] * pt.exp(q)
        rising = pt.sum(pt.gammaln(lattice.counts + a[:, None, :]) - pt.gammaln(a)[:, None, :], axis=-1)
        flat = pt.where(finite[:, None], rising, flat)
    out = pt.logsumexp(lattice.constant + flat, axis=-1)
    if not (mean := lattice.is_mean).any():
        return out
    se = np.where(mean[:, None], lattice.se, 1.0)
    low, high = ((lattice.bounds[:, [k]] - pt.exp(q[:, [0]])) / se for k in (0, 1))
    flip = low + high > 0
    near, far = (log_ndtr(pt.where(flip, -low, high)), log_ndtr(pt.where(flip, -high, low)))
    density = -0.5 * low**2 - np.log(se) - 0.5 * np.log(2 * np.pi)
    rounded = (lattice.bounds[:, 1] > lattice.bounds[:, 0])[:, None]
    between = near + pt.log(-pt.expm1(pt.where(rounded, far - near, -1.0)))
    masses = pt.where(rounded, between, density) + lattice.log_se_weight
    return pt.where(mean, pt.logsumexp(masses, axis=-1), out)


def log_ndtr(x: Tensor) -> Tensor:
    """Return log Φ(x)."""
    return pm.logcdf(pm.Normal.dist(), x)


def plain_model(design: Design, cells: Cells) -> pm.Model:
    """Return the model as written in the docs: named, dimensioned variables, one per block.

    ``counts`` (cell, answer) is multinomial, or, where people differ, ``answers`` (asked) is categorical, given the
    deviation of the person; of normal answers ``mean_answer`` is normal; ``published`` (topline) is the share of the
    first published group in per cent, whose likelihood is the mass of the counts its bounds allow.
    """
    with pm.Model(coords=coords_of(design, cells)) as model:
        eta: Tensor = 0.0
        bare = cells.rows.unfaded(design.fading)
        X, left = fixed_matrix(design, bare), _left(design, cells)
        for variable, index in design.variables.items():
            part = pt.dot(X[:, list(index)], _fixed_variable(design, variable, index))
            eta = eta + part * left.get(design.coefficients[index[0]].carrier.signal, 1.0)
        for block in design.pooled:
            matrix = pooled_matrix(design, block, bare).toarray()
            part = pt.dot(matrix, _pooled_variable(design, block, model).ravel())
            eta = eta + part * left.get(block.carrier.signal, 1.0)
        cuts = _cut_variable(design, cut_group(design, cells.rows))
        logp = log_probs(eta, cuts)
        n = len(cells.counts)
        if cells.people is not None:
            sd = pm.HalfNormal(SD_RESPONDENT, design.scales[SD_RESPONDENT].sd)
            _people(eta, cuts, sd, cells.people)
            logp = _over_people(eta, cuts, sd, design.answers)
        elif cells.inside is not None:
            _on_slider(eta, logp, design, cells)
        elif cells.scores:
            _normal(eta, design, cells)
        elif (choices := cells.choices) is not None:
            chance = pm.math.invlogit(eta[choices.left] - eta[choices.right])
            pm.Binomial("chosen", choices.counts.sum(1), chance, observed=choices.counts[:, 1])
        elif cells.unweighted is not None:
            pm.Potential("weighted_counts", pt.sum(cells.counts * logp[:n]))
        elif n:
            y = pm.Data("answers_given", cells.counts, dims=("cell", "answer"))
            pm.Multinomial("counts", cells.counts.sum(1), pt.exp(logp[:n]), observed=y, dims=("cell", "answer"))
        if cells.toplines:
            _published(logp[n:], cells, cells.lattice)
    return model


def _on_slider(eta: Tensor, logp: Tensor, design: Design, cells: Cells) -> None:
    """Declare how many chose each end of the slider, and every answer between them, as a share of the scale."""
    slider, inside = design.slider, cells.inside
    assert slider is not None
    assert inside is not None
    phi = pm.LogNormal(PRECISION, np.log(slider.precision.median), slider.precision.sd)
    pm.Multinomial("counts", cells.parts.sum(1), pt.exp(logp), observed=cells.parts)
    one = np.repeat(np.arange(len(inside.row)), inside.times)
    mean = pm.math.invlogit(eta[inside.row[one]])
    pm.Beta("between", mu=mean, nu=phi, observed=inside.share[one])


def _normal(eta: Tensor, design: Design, cells: Cells) -> None:
    """Declare the mean answer of every cell, and what the scatter of answers around it says of sigma."""
    prior = design.spec.extra[SIGMA]
    assert isinstance(prior, LogNormal)
    sigma = pm.LogNormal(SIGMA, np.log(prior.median), prior.sd)
    seen = np.flatnonzero(cells.sums[:, 0] > 0)
    n, total, square = cells.sums[seen].T
    pm.Normal("mean_answer", eta[seen], sigma / np.sqrt(n), observed=total / n)
    scatter = (square - total**2 / n).sum() / (2 * sigma**2) + (n - 1).sum() * (pt.log(sigma) + 0.5 * np.log(2 * np.pi))
    pm.Potential("scatter", -scatter - 0.5 * np.log(n).sum())


def _people(eta: Tensor, cuts: Tensor | None, sd: Tensor, people: People) -> None:
    """Declare every person's deviation, and every answer given it."""
    whose = np.repeat(np.arange(len(people)), people.times)
    parts = np.split(np.arange(len(people.row)), people.start[1:-1])
    entry = np.concatenate([parts[p] for p in whose])
    who = np.repeat(np.arange(len(whose)), [len(parts[p]) for p in whose])
    deviation = pm.Normal("respondent", 0.0, sd, shape=len(whose))
    own = cuts if cuts is None or cuts.ndim == 1 else cuts[people.row[entry]]
    logp = log_probs(eta[people.row[entry]] + deviation[who], own)
    pm.Categorical("answers", p=pt.exp(logp), observed=people.answer[entry])


def _over_people(eta: Tensor, cuts: Tensor | None, sd: Tensor, answers: int) -> Tensor:
    """Return log P(answer) averaged over people, (rows, K)."""
    over = grid(1, answers, _WIDEST)
    parts = [np.log(w) + log_probs(eta + z * sd, cuts) for z, w in zip(over.nodes, over.weight, strict=True)]
    return pt.logsumexp(pt.stack(parts), axis=0)


def _left(design: Design, cells: Cells) -> dict[str | None, Tensor]:
    """Return, per fading signal, what is left of its effects in each row."""
    out: dict[str | None, Tensor] = {}
    for name, prior in design.fading.items():
        half = pm.LogNormal(half_life(name), np.log(prior.median), prior.sd)
        out[name] = 0.5 ** (cells.rows.weeks[name] / half)
    return out


def _published(logp: Tensor, cells: Cells, lattice: Lattice) -> None:
    toplines = cells.toplines
    middle = np.array([50.0 * (t.lower[0] + t.upper[0]) for t in toplines])

    def mass(value: Tensor, logp: Tensor) -> Tensor:
        return lattice_graph(logp, lattice) + 0.0 * value

    def draw(logp: np.ndarray, rng: np.random.Generator, size: object = None) -> np.ndarray:
        rows = zip(toplines, lattice.concentration, np.atleast_2d(logp), strict=True)
        return np.array([100.0 * publish(t, a, np.exp(p)[None], rng)[0, 0] for t, a, p in rows])

    pm.CustomDist("published", logp, logp=mass, random=draw, signature="(t,k)->(t)", observed=middle, dims="topline")


def _fixed_variable(design: Design, variable: str, index: Sequence[int]) -> Tensor:
    priors = [design.coefficients[i].prior for i in index]
    dims = dims_of(design)[variable] or None
    if all(isinstance(p, Flat) for p in priors):
        value = pm.Flat(variable, dims=dims)
    elif any(isinstance(p, Flat) for p in priors):
        parts = [
            pm.Flat(n) if isinstance(p, Flat) else pm.Normal(n, p.mean, p.sd)
            for n, p in zip([f"{variable}_{design.coefficients[i].label}" for i in index], priors, strict=True)
        ]
        value = pm.Deterministic(variable, pt.stack(parts), dims=dims)
    else:
        mean, sd = [p.mean for p in priors], [p.sd for p in priors]  # type: ignore[union-attr]
        value = pm.Normal(variable, mean if dims else mean[0], sd if dims else sd[0], dims=dims)
    return value if dims else value[None]


def _pooled_variable(design: Design, block: Pooled, model: pm.Model) -> Tensor:
    sd = pm.HalfNormal(block.sd_name, block.scale.sd)
    if block.partner is None:
        return pm.Normal(block.variable, 0.0, sd, dims=block.axes)
    rho = _correlation_variable(block)
    slope = rho * sd / model[f"sd_{block.partner}"]
    return pm.Normal(block.variable, slope * model[block.partner], sd * pt.sqrt(1 - rho**2), dims=block.by)


def _correlation_variable(block: Pooled) -> Tensor:
    """Return the correlation of a block with its partner: 2·Beta(η, η) − 1 (uniform for η = 1)."""
    match block.correlation:
        case LKJ(eta=1.0):
            return pm.Uniform(block.corr_name, -1.0, 1.0)
        case LKJ(eta=eta):
            return pm.Deterministic(block.corr_name, 2.0 * pm.Beta(f"{block.corr_name}_unit", eta, eta) - 1.0)


def _cut_variable(design: Design, group: np.ndarray) -> Tensor | None:
    if not design.inner:
        return None
    prior: Normal = design.cuts
    common = pm.Normal("cut_spacing", prior.mean, prior.sd, dims="spacing")
    if design.slider is not None:
        return cut_graph(common) + pm.Normal(LOCATION, design.slider.location.mean, design.slider.location.sd)
    if design.cut_scale is None:
        return cut_graph(common)
    sd = pm.HalfNormal(SD_CUTS, design.cut_scale.sd)
    own = pm.Normal(CUTS_BY_COUNTRY, common, sd, dims=("country", "spacing"))
    return pt.stack([cut_graph(own[c]) for c in range(design.cut_groups)])[group]
