"""What the calibration runs and what checks it share: the reduced analysis, ranks, bands, fingerprint."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy import stats

from alliancecred.density import data_arrays, parameter_count, structure
from alliancecred.estimands import gap, shift
from alliancecred.fitting import fit_design, prepare
from alliancecred.identify import make_design
from alliancecred.kernel import log_density
from alliancecred.outcome import lattice_loglik
from alliancecred.prediction import answer_probs
from alliancecred.sampling import Sampling
from alliancecred.simulation import dataset, draw_prior, simulate
from alliancecred.spec import Fielding
from alliancecred.spec_file import models_dir, read_spec
from alliancecred.sweep import sweep
from alliancecred.terms import Cuts
from alliancecred.toplines import read_toplines

DRAWS = 99
FIELDINGS = (
    Fielding("2025-01", 300),
    Fielding("2025-03", 200),
    Fielding("2025-01", 60, "elite", ("UK",)),
    Fielding("2025-03", 60, "elite", ("UK",)),
)


FAMILIES = ("ordinal", "binary", "published")


def small_spec(family="ordinal"):
    """The shipped retrenchment analysis with four countries and four allies; two answers unless ordinal."""
    spec = read_spec(models_dir() / "retrenchment_simulated.toml")
    spec = replace(spec, countries=("US", "UK", "DE", "PL"), allies=("US", "UK", "FR", "DE"), sources=(), estimands=())
    if family == "ordinal":
        return spec
    terms = tuple(t for t in spec.terms if not isinstance(t, Cuts))
    return replace(spec, answers=("no", "yes"), top=("yes",), terms=terms)


def as_published(survey):
    """The cells of a binary survey as a source would print them: whole per cents with their n."""
    table = survey.table.assign(yes=survey.table["answer"] * survey.table["count"])
    cells = table.groupby(["country", "ally", "wave", "population"], as_index=False)[["yes", "count"]].sum()
    share = (100 * cells["yes"] / cells["count"]).round().astype(int)
    cells = cells.assign(pct=share, precision="integer", answer="yes", n_kind="exact")
    cells = cells.rename(columns={"count": "n"}).drop(columns="yes")
    return read_toplines(cells, answers=survey.answers, top=survey.top)


def estimands(fit):
    """The estimands that must be calibrated: name → draws (chain, draw)."""
    effects = shift(fit, by=())
    out = {f"shift[{role}]": effects.at(role=role).draws for role in ("sender", "other", "self")}
    out |= {"gap": gap(fit, by=("ally", "wave")).draws.mean("row", keepdims=True)}
    gaps = gap(fit, signal="us2025", by=())
    out |= {f"gap in shift[{role}]": gaps.at(role=role).draws for role in ("sender", "other", "self")}
    return {k: v.values.reshape(-1) for k, v in out.items()}


def quantities(fit, cells):
    """Scalars, estimands and the log likelihood of the cells given a fit: name → draws."""
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
    if cells.toplines:
        out["log likelihood"] = lattice_loglik(logs, cells.lattice).sum(1)
    else:
        out["log likelihood"] = np.einsum("snk,nk->s", logs, cells.counts)
    return out | estimands(fit)


def fit_once(seed, family="ordinal", method="nuts"):
    """One simulation: truth from the prior, data, fit, ranks."""
    sim = simulate(small_spec(family), fieldings=FIELDINGS, truth={}, random_seed=seed)
    design, cells = sim.truth.design, sim.truth.cells
    if family == "published":
        _, cells, design = prepare(sim.truth.spec, as_published(sim.survey))
    fit = fit_design(
        design,
        cells,
        random_seed=seed,
        draws=1000 if method == "nuts" else 500,
        method=method,
        sampling=Sampling(tune=600, cores=1, retries=1),
    )
    truth, post = quantities(sim.truth, cells), quantities(fit, cells)
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


def prior_sds(family="ordinal", size=2000):
    """Prior sd of every quantity, by simulation."""
    spec = small_spec(family)
    sim = simulate(spec, fieldings=FIELDINGS, truth={}, random_seed=0)
    draws = draw_prior(sim.truth.design, np.random.default_rng(0), size)
    posterior = dataset(sim.truth.design, draws, 1)
    tree = sim.truth.idata.copy()
    tree["posterior"] = posterior
    prior = quantities(replace(sim.truth, idata=tree), sim.truth.cells)
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
