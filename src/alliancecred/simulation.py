"""Forward: parameters from the priors, surveys with known truth, prior and posterior predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

from .cells import Cells, make_cells
from .design import CUTS_BY_COUNTRY, SD_CUTS, SD_RESPONDENT, Design, half_life
from .dims import coords_of, dims_of
from .errors import Problem, SpecError, nearest
from .fieldwork import choose, interview, rate, slide
from .fitting import Fit, prepare
from .gates import diagnosis
from .layout import Layout, lay_out, replace_counts, simulated_report
from .means import means_of
from .origins import Fielding, Simulation
from .prediction import answer_probs
from .priors import Flat, LogNormal
from .replication import replicate
from .sources import Survey, Toplines
from .spec import Spec
from .spec_file import as_spec


@dataclass(frozen=True)
class Simulated:
    """A simulated survey and what is true of it.

    Parameters
    ----------
    survey
        What `read_survey` would have returned; for a spec with a rating scale, `read_means`.
    truth
        A `Fit` with one chain of one draw, the true parameters: every estimand function applies.
    """

    survey: Survey | Toplines
    truth: Fit

    def _repr_html_(self) -> str:
        from .cards import simulated_card

        return simulated_card(self)

    def __repr__(self) -> str:
        from .cards import simulated_line

        return simulated_line(self)


def draw_prior(
    design: Design, rng: np.random.Generator, size: int, given: Mapping[str, float] | None = None
) -> dict[str, np.ndarray]:
    """Draw every variable of the posterior from its prior, with the draws along the first axis.

    Parameters
    ----------
    given
        Scalars held at a value instead: ``intercept``, ``shift_x[sender]``, ``sd_level_country``,
        ``corr_…``, ``cut_spacing[0]``.

    Raises
    ------
    SpecError
        If a prior is flat (nothing can be drawn from it), or ``given`` names no scalar of the model.
    """
    given = dict(given or {})
    flat = [c.name for c in design.coefficients if isinstance(c.prior, Flat) and c.name not in given]
    if flat:
        raise SpecError(f"flat priors cannot be simulated from: {', '.join(flat)}")
    out: dict[str, np.ndarray] = {}
    standard: dict[str, np.ndarray] = {}

    def scalar(name: str, value: np.ndarray) -> np.ndarray:
        return np.full(size, given.pop(name)) if name in given else value

    for variable, index in design.variables.items():
        columns = [scalar(c.name, _normal(c.prior, rng, size)) for c in (design.coefficients[i] for i in index)]
        out[variable] = np.column_stack(columns) if design.coefficients[index[0]].label else columns[0]
    for block in design.pooled:
        sd = out[block.sd_name] = scalar(block.sd_name, np.abs(rng.normal(0, block.scale.sd, size)))
        value = rng.standard_normal((size, *design.shape(block)))
        wide = (slice(None), *[None] * len(block.by))
        if block.partner is not None:
            eta = block.correlation.eta
            rho = out[block.corr_name] = scalar(block.corr_name, 2 * rng.beta(eta, eta, size) - 1)
            value = rho[wide] * standard[block.partner] + np.sqrt(1 - rho[wide] ** 2) * value
        standard[block.variable] = value
        out[block.variable] = sd[wide] * value
    if design.respondent is not None:
        out[SD_RESPONDENT] = scalar(SD_RESPONDENT, np.abs(rng.normal(0, design.respondent.sd, size)))
    if design.inner:
        columns = [
            scalar(f"cut_spacing[{j}]", rng.normal(design.cuts.mean, design.cuts.sd, size)) for j in range(design.inner)
        ]
        out["cut_spacing"] = np.column_stack(columns)
    for name, prior in design.spec.extra.items():
        out[name] = scalar(name, _normal(prior, rng, size))
    if design.cut_scale is not None:
        sd = out[SD_CUTS] = scalar(SD_CUTS, np.abs(rng.normal(0, design.cut_scale.sd, size)))
        away = rng.standard_normal((size, design.cut_groups, design.inner))
        out[CUTS_BY_COUNTRY] = out["cut_spacing"][:, None] + sd[:, None, None] * away
    for signal, prior in design.fading.items():
        out[half_life(signal)] = scalar(half_life(signal), _normal(prior, rng, size))
    if given:
        known = [*out, *(c.name for c in design.coefficients)]
        raise SpecError(
            [Problem("schema", "truth", f"no scalar {k!r} in this model", (), nearest(k, known)) for k in given]
        )
    return out


def _normal(prior: object, rng: np.random.Generator, size: int) -> np.ndarray:
    draws = rng.standard_normal(size)
    if isinstance(prior, LogNormal):
        return np.asarray(prior.median * np.exp(prior.sd * draws))
    return draws if isinstance(prior, Flat) else prior.mean + prior.sd * draws  # type: ignore[attr-defined]


def simulate(
    spec: Spec | str | Path,
    *,
    fieldings: Sequence[Fielding] = (),
    truth: Mapping[str, float] | None = None,
    random_seed: int | None = None,
) -> Simulated:
    """Simulate a survey with known truth from a spec.

    People rate every ally of the spec, independently given the model; with a `Respondent` term in the spec, given
    the person.

    Parameters
    ----------
    spec
        Declares countries, allies, waves and answers; its `Simulation` source, if any, gives the
        defaults of the other arguments.
    fieldings
        Samples: wave, n per country, population, countries.
    truth
        Scalars held fixed; every other parameter is drawn from its prior.
    random_seed
        Seed.

    Returns
    -------
    Simulated

    Raises
    ------
    SpecError
        If countries or allies are not declared, or there is nothing to field.
    """
    spec = as_spec(spec)
    plan = next((s for s in spec.sources if isinstance(s, Simulation)), None)
    layout = lay_out(spec, tuple(fieldings) or (plan.fieldings if plan else ()))
    if truth is None:
        truth = dict(plan.truth) if plan else {}
        if plan and fieldings:  # other ones may leave something of the plan's model out: no elite, no gap
            gone = _scalars(lay_out(spec, plan.fieldings).design) - _scalars(layout.design)
            truth = {k: v for k, v in truth.items() if k not in gone}
    seed = random_seed if random_seed is not None else plan.seed if plan else None
    return simulate_on(layout, truth, seed)


def _scalars(design: Design) -> set[str]:
    """Return the names of what `draw_prior` can hold at a value."""
    names = {c.name for c in design.coefficients} | {*design.scales, *design.spec.extra}
    names |= {b.corr_name for b in design.correlated} | set(map(half_life, design.fading))
    return names | {f"cut_spacing[{j}]" for j in range(design.inner)}


def simulate_on(layout: Layout, truth: Mapping[str, float], random_seed: int | None) -> Simulated:
    """Return what `simulate` does, for rows that are laid out already."""
    rng = np.random.default_rng(random_seed)
    draws = draw_prior(layout.design, rng, 1, truth)
    survey, full = _respond(layout, draws, rng)
    stats = xr.Dataset(coords={"chain": [0], "draw": [0]})
    tree = xr.DataTree.from_dict({"posterior": dataset(layout.design, draws, chains=1), "sample_stats": stats})
    tree.attrs["random_seed"] = 0
    verdict = replace(diagnosis(xr.Dataset(), stats), problems=())
    return Simulated(survey, Fit(layout.design.spec, full, layout.design, tree, verdict))


def _respond(
    layout: Layout, draws: Mapping[str, np.ndarray], rng: np.random.Generator
) -> tuple[Survey | Toplines, Cells]:
    design, cells = layout.design, layout.cells
    if design.respondent is not None or design.spec.extra or design.opponents:  # people, numbers, choices
        if cells.choices is not None:
            table = choose(design, cells, draws, rng)
        elif design.respondent is not None:
            table = interview(design, cells, layout.fieldings, draws, rng)
        else:
            table = (rate if cells.scores else slide)(design, cells, layout.size, draws, rng)
        survey = Survey(table, design.spec.answers, design.spec.top, simulated_report(len(table)), slider=design.slider)
        return survey, make_cells(design.spec, [survey])
    probs = answer_probs(design, cells.rows, draws)[0]
    if (rating := design.spec.rating) is not None:
        se = rating.sd.median / np.sqrt(layout.size)
        means = means_of(
            design.spec,
            cells.labels(),
            probs[:, 1] + se * rng.standard_normal(len(se)),
            layout.size,
            simulated_report(len(se)),
        )
        return means, make_cells(design.spec, [means])
    counts = rng.multinomial(layout.size, probs / probs.sum(1, keepdims=True))
    survey = replace_counts(cells.labels(), counts, design.spec)
    return survey, replace(cells, counts=counts, reports=(survey.report,))


def dataset(design: Design, draws: Mapping[str, np.ndarray], chains: int) -> xr.Dataset:
    """Return draws (draws along the first axis) as a dataset with named dims."""
    dims, coords = dims_of(design), coords_of(design)
    used = sorted({d for ds in dims.values() for d in ds})
    size = len(next(iter(draws.values()))) // chains
    return xr.Dataset(
        {k: (("chain", "draw", *dims[k]), v.reshape(chains, size, *v.shape[1:])) for k, v in draws.items()},
        coords={"chain": np.arange(chains), "draw": np.arange(size)}
        | {d: np.asarray(coords[d], dtype=str) for d in used},
    )


# --- predictive distributions -----------------------------------------------------------------------
def prior_predictive(
    spec: Spec | str | Path, *sources: Survey | Toplines, draws: int = 500, random_seed: int | None = None
) -> xr.DataTree:
    """Return draws from the prior and the answers they predict for the rows of the sources.

    Returns
    -------
    xarray.DataTree
        Groups ``prior`` and ``prior_predictive`` (``counts``: chain, draw, cell, answer;
        ``published``: chain, draw, topline, per cent; ``top``: chain, draw, row, the probability of
        the top answers in per cent, of a profile that of being chosen from those it was shown with); of normal
        answers ``mean`` (chain, draw, cell) and what was ``expected`` of it.
    """
    _, cells, design = prepare(spec, *sources)
    rng = np.random.default_rng(random_seed)
    values = draw_prior(design, rng, draws)
    return xr.DataTree.from_dict(
        {"prior": dataset(design, values, 1), "prior_predictive": replicate(design, cells, values, rng, 1)}
    )


def posterior_predictive(fit: Fit, *, random_seed: int | None = None) -> xr.DataTree:
    """Return replicated answers for every row of the data, one per posterior draw.

    Returns
    -------
    xarray.DataTree
        Group ``posterior_predictive``, variables as in `prior_predictive`.
    """
    rng = np.random.default_rng(random_seed)
    chains = fit.posterior.sizes["chain"]
    return xr.DataTree.from_dict({"posterior_predictive": replicate(fit.design, fit.cells, fit.draws(), rng, chains)})
