"""What the calibration runs and what checks it share: the reduced analysis, ranks, bands, fingerprint."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy import stats

from alliancecred.density import data_arrays, parameter_count, structure
from alliancecred.estimands import gap, shift
from alliancecred.fitting import fit_design
from alliancecred.identify import make_design
from alliancecred.kernel import log_density
from alliancecred.prediction import answer_probs
from alliancecred.sampling import Sampling
from alliancecred.simulation import dataset, draw_prior, simulate
from alliancecred.spec import Fielding
from alliancecred.spec_file import models_dir, read_spec
from alliancecred.sweep import sweep

DRAWS = 99
FIELDINGS = (
    Fielding("2025-01", 300),
    Fielding("2025-03", 200),
    Fielding("2025-01", 60, "elite", ("UK",)),
    Fielding("2025-03", 60, "elite", ("UK",)),
)


def small_spec():
    """The shipped retrenchment analysis with four countries and four allies."""
    spec = read_spec(models_dir() / "retrenchment_simulated.toml")
    return replace(spec, countries=("US", "UK", "DE", "PL"), allies=("US", "UK", "FR", "DE"), sources=(), estimands=())


def estimands(fit):
    """The estimands that must be calibrated: name → draws (chain, draw)."""
    effects = shift(fit, by=())
    out = {f"shift[{role}]": effects.at(role=role).draws for role in ("sender", "other", "self")}
    out |= {"gap": gap(fit, by=("ally", "wave")).draws.mean("row", keepdims=True)}
    gaps = gap(fit, signal="us2025", by=())
    out |= {f"gap in shift[{role}]": gaps.at(role=role).draws for role in ("sender", "other", "self")}
    return {k: v.values.reshape(-1) for k, v in out.items()}


def quantities(fit):
    """Scalars, estimands and the log likelihood of a fit: name → draws."""
    out = {}
    draws = fit.draws()
    for c in fit.design.coefficients:
        labels = [fit.design.coefficients[j].label for j in fit.design.variables[c.variable]]
        out[c.name] = draws[c.variable][:, labels.index(c.label)] if c.label else draws[c.variable]
    for block in fit.design.pooled:
        out[block.sd_name] = draws[block.sd_name]
        if block.partner:
            out[block.corr_name] = draws[block.corr_name]
    for j in range(fit.design.answers - 2):
        out[f"cut_spacing[{j}]"] = draws["cut_spacing"][:, j]
    logs = np.log(answer_probs(fit.design, fit.cells.rows, draws))
    out["log likelihood"] = np.einsum("snk,nk->s", logs, fit.cells.counts)
    return out | estimands(fit)


def fit_once(seed):
    """One simulation: truth from the prior, data, fit, ranks."""
    sim = simulate(small_spec(), fieldings=FIELDINGS, truth={}, random_seed=seed)
    fit = fit_design(
        sim.truth.design, sim.truth.cells, random_seed=seed, draws=1000, sampling=Sampling(tune=600, cores=1, retries=1)
    )
    truth, post = quantities(sim.truth), quantities(fit)
    keep = np.linspace(0, len(post["intercept"]) - 1, DRAWS).astype(int)
    ranks = {k: int((post[k][keep] < truth[k][0]).sum()) for k in truth}
    return {
        "ranks": ranks,
        "sd": {k: float(v.std()) for k, v in post.items()},
        "passed": fit.diagnosis.passed,
        "attempts": int(fit.idata.attrs["attempts"]),
        "problems": fit.diagnosis.problems,
    }


@lru_cache
def _null(size, repeats=4000):
    rng = np.random.default_rng(0)
    return np.sort([_extreme(rng.integers(0, DRAWS + 1, size)) for _ in range(repeats)])


def _extreme(ranks):
    """Smallest two-sided binomial tail of the ranks' ECDF over all its points (Säilynoja et al. 2022, eq. 7)."""
    ranks = np.asarray(ranks)
    z = np.arange(1, DRAWS + 1) / (DRAWS + 1)
    count = (ranks[:, None] < np.arange(1, DRAWS + 1)).sum(0)
    n = len(ranks)
    return float(np.minimum(stats.binom.cdf(count, n, z), stats.binom.sf(count - 1, n, z)).min())


def uniformity(ranks):
    """p-value of the ranks being uniform on 0…99, simultaneous over the ECDF."""
    null = _null(len(ranks))
    return float((1 + np.searchsorted(null, _extreme(ranks), side="right")) / (1 + len(null)))


def holm(p, level):
    """Names whose p-values Holm's procedure rejects."""
    out = []
    for i, name in enumerate(sorted(p, key=lambda n: p[n])):
        if p[name] > level / (len(p) - i):
            break
        out.append(name)
    return out


def prior_sds(size=2000):
    """Prior sd of every quantity, by simulation."""
    spec = small_spec()
    sim = simulate(spec, fieldings=FIELDINGS, truth={}, random_seed=0)
    draws = draw_prior(sim.truth.design, np.random.default_rng(0), size)
    posterior = dataset(sim.truth.design, draws, 1)
    tree = sim.truth.idata.copy()
    tree["posterior"] = posterior
    prior = quantities(replace(sim.truth, idata=tree))
    return {k: float(v.std()) for k, v in prior.items() if k != "log likelihood"}


def fingerprint():
    """Log densities of the reduced analysis at fixed points on fixed data: unchanged by refactoring."""
    sim = simulate(small_spec(), fieldings=FIELDINGS, truth={}, random_seed=0)
    cells = sim.truth.cells
    codes = cells.rows.codes
    place = 7 * codes["country"] + 3 * codes["ally"] + 5 * codes["wave"] + 11 * codes["population"]
    fixed = replace(cells, counts=(place[:, None] + 13 * np.arange(cells.counts.shape[1])) % 23 + 5)
    design = make_design(sim.truth.spec, fixed)
    swept = sweep(design, fixed.rows)
    arrays = structure(swept, fixed, [[True] * len(s.carriers) for s in swept.strata])
    data = data_arrays(fixed)
    size = parameter_count(swept)
    return [round(log_density(0.4 * np.sin(np.arange(size) * (i + 1.0)), arrays, data)[0], 6) for i in range(3)]
