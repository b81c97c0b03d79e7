"""The swept log density as a JAX function, sampled by NumPyro: the extra ``alliancecred[jax]``.

The same parameters, metric and draws as `nuts` by its own kernel (a test holds the two densities against each
other); docs/benchmarks.md says where it wins.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ..cells import Cells
from ..density import parameter_count
from ..errors import FitError
from ..kernel import Metric
from ..lattice import Lattice
from ..priors import Flat
from ..sampling import Sampling
from ..sweep import Swept, cholesky, covariance, incidence, mean_columns, mean_covariance
from .metric import Centred

Function = Callable[[Any], Any]
DEPTH = 10  # the deepest tree NumPyro builds: 2¹⁰ − 1 steps


def log_density(swept: Swept, cells: Cells, centred: Centred, mask: np.ndarray | None = None) -> Function:
    """Return the log density of `kernel.log_density` as a traceable function of θ, to be called in 64 bits."""
    import jax.numpy as jnp

    design = swept.design
    blocks, pairs, spacings = len(design.pooled), len(design.correlated), design.answers - 2
    start = blocks + pairs + spacings
    scale_sd = np.array([b.scale.sd for b in design.pooled])
    eta_of = np.array([b.correlation.eta for b in design.correlated])
    priors = [c.prior for c in design.coefficients]
    proper = [i for i in range(len(swept.loadings)) if i >= len(priors) or not isinstance(priors[i], Flat)]
    centre = np.array([getattr(priors[i], "mean", 0.0) if i < len(priors) else 0.0 for i in proper])
    columns = mean_columns(swept, cells.rows)
    inside = [incidence(swept, s, cells.rows) for s in swept.strata]
    likelihood = _likelihood(cells, mask)

    def density(theta: Any) -> Any:
        sd, rho = jnp.exp(theta[:blocks]), jnp.tanh(theta[blocks : blocks + pairs])
        spacing, raw = theta[blocks + pairs : start], theta[start:]
        far = jnp.abs(theta[blocks : blocks + pairs])
        total = (theta[:blocks] - 0.5 * (sd / scale_sd) ** 2).sum()
        total -= (2 * eta_of * (far + jnp.log1p(jnp.exp(-2 * far)))).sum()
        total -= 0.5 * (((spacing - design.cuts.mean) / design.cuts.sd) ** 2).sum()
        scales = {b.sd_name: sd[i] for i, b in enumerate(design.pooled)}
        scales |= {b.corr_name: rho[i] for i, b in enumerate(design.correlated)}

        first = raw[: len(swept.loadings)]
        if proper:
            cov = mean_covariance(swept, scales)
            low = jnp.linalg.cholesky(jnp.array([[1.0 * cov[i][j] for j in proper] for i in proper]))
            residual = jnp.linalg.solve(low, first[np.array(proper)] - centre)
            total -= 0.5 * (residual**2).sum() + jnp.log(jnp.diag(low)).sum()
        eta = columns @ first
        at = len(swept.loadings)
        for stratum, between, found in zip(swept.strata, centred, inside, strict=True):
            low = cholesky(covariance(stratum, scales), jnp.sqrt)
            residuals: list[Any] = []
            for i, c in enumerate(between):
                given = raw[at : (at := at + stratum.size)]
                rest = sum(low[i][k] * residuals[k] for k in range(i))
                v = 1 - c + c * low[i][i] ** 2
                residuals.append(given / jnp.sqrt(v) - c * low[i][i] / v * rest)
                total -= 0.5 * (residuals[-1] ** 2).sum() + 0.5 * stratum.size * jnp.log(v)
                eta += found.carriers[i] * (found.basis @ (rest + low[i][i] * residuals[-1]))[found.place]
        raw_cuts = jnp.concatenate([jnp.zeros(1), jnp.cumsum(jnp.exp(spacing))])
        return total + likelihood(eta, raw_cuts - raw_cuts.mean())

    return density


def _likelihood(cells: Cells, mask: np.ndarray | None) -> Callable[[Any, Any], Any]:
    """Return log p(y | η, cuts), up to multinomial coefficients of the counts."""
    import jax.numpy as jnp
    from jax.nn import log_sigmoid

    n = len(cells.counts)
    keep = np.ones(len(cells.rows)) if mask is None else np.asarray(mask, dtype=float)
    counts, choices = cells.parts * cells.kept(keep)[:, None], cells.choices
    published = np.flatnonzero(keep[n:])
    lattice = cells.lattice.of(published)

    def total(eta: Any, cuts: Any) -> Any:
        if choices is not None:
            more = eta[choices.left] - eta[choices.right]
            return (counts[:, 0] * log_sigmoid(-more) + counts[:, 1] * log_sigmoid(more)).sum()
        below, above = log_sigmoid(cuts - eta[:, None]), log_sigmoid(eta[:, None] - cuts)
        inner = jnp.log(-jnp.expm1(-jnp.diff(cuts)))
        logp = jnp.concatenate([below[:, :1], below[:, 1:] + above[:, :-1] + inner, above[:, -1:]], axis=1)
        out = (counts * logp[:n]).sum()
        return out + _published(logp[n:][published], lattice) if len(published) else out

    return total


def _published(logp: Any, lattice: Lattice) -> Any:
    """Return the log mass of all toplines; `lattice.lattice_loglik` in JAX."""
    from jax.scipy.special import gammaln, logsumexp

    with np.errstate(divide="ignore"):
        member = np.log(lattice.groups)
    q = logsumexp(logp[:, None, :] + member, axis=-1)
    flat = (lattice.counts * q[:, None, :]).sum(-1)
    over = np.flatnonzero(np.isfinite(lattice.concentration))
    if len(over):
        import jax.numpy as jnp

        a = (lattice.concentration[over, None] * jnp.exp(q[over]))[:, None, :]
        flat = flat.at[over].set((gammaln(lattice.counts[over] + a) - gammaln(a)).sum(-1))
    return logsumexp(lattice.constant + flat, axis=-1).sum()


def spread(swept: Swept, metric: Metric) -> Function:
    """Return `kernel.spread` as a traceable function of z."""
    import jax.numpy as jnp

    full = len(metric.dense)
    sizes = [(len(s.carriers), s.size) for s in swept.strata]
    left = parameter_count(swept) - full
    while sum(m * size for m, size in sizes) > left:
        sizes.pop(0)

    def theta(z: Any) -> Any:
        parts, at, entry = [metric.dense.T @ z[:full]], full, 0
        for m, size in sizes:
            block = z[at : at + m * size].reshape(m, size)
            for i in range(m):
                small = metric.small[entry : entry + (i + 1) * size].reshape(i + 1, size)
                parts.append((small * block[: i + 1]).sum(0))
                entry += (i + 1) * size
            at += m * size
        return metric.middle + jnp.concatenate(parts)

    return theta


def run(
    swept: Swept,
    cells: Cells,
    centred: Centred,
    metric: Metric,
    _own: object,
    _scales: object,
    *,
    mask: np.ndarray | None,
    seed: int,
    draws: int,
    chains: int,
    sampling: Sampling,
    progressbar: bool,
) -> tuple[np.ndarray, xr.Dataset, float]:
    """Return θ (chain, draw, parameter), sampler statistics and the seconds of NumPyro's NUTS, compilation included.

    Chains run side by side, on what threads JAX sees fit: ``sampling.cores`` is not heeded.

    Raises
    ------
    FitError
        If NumPyro is not installed, a half-life is to be estimated, cuts vary by country, or answers belong to
        respondents.
    """
    try:
        import jax
        from numpyro.infer import MCMC, NUTS
    except ImportError as error:
        raise FitError("method 'numpyro' needs the extra alliancecred[jax] (NumPyro and JAX)") from error
    if swept.design.respondent is not None:
        raise FitError("method 'numpyro' cannot integrate over respondents → method='nuts'")
    if swept.design.cut_scale is not None:
        raise FitError("method 'numpyro' does not know cuts by country → method='nuts'")
    if swept.design.slider is not None:
        raise FitError("method 'numpyro' does not know sliders → method='nuts'")
    if swept.design.spec.gaussian is not None:
        raise FitError("method 'numpyro' does not know normal answers (gaussian) → method='nuts'")
    if swept.design.spec.rating is not None:
        raise FitError("method 'numpyro' does not know means of rating scales → method='nuts'")
    if swept.design.fading:
        raise FitError("method 'numpyro' cannot estimate half-lives → method='nuts'")

    begin = time.perf_counter()
    with jax.enable_x64(True):
        to_theta, density = spread(swept, metric), log_density(swept, cells, centred, mask)
        kernel = NUTS(
            potential_fn=lambda z: -density(to_theta(z)),
            target_accept_prob=sampling.target_accept,
            max_tree_depth=DEPTH,
        )
        sampler = MCMC(
            kernel,
            num_warmup=sampling.tune,
            num_samples=draws,
            num_chains=chains,
            chain_method="parallel" if jax.local_device_count() >= chains else "vectorized",
            progress_bar=progressbar,
        )
        start = np.random.default_rng(seed).uniform(-0.5, 0.5, (chains, parameter_count(swept)))
        extra = ("diverging", "energy", "num_steps", "adapt_state.step_size")
        sampler.run(jax.random.key(seed), init_params=jax.numpy.asarray(start), extra_fields=extra)
        z = sampler.get_samples(group_by_chain=True)
        theta = np.asarray(jax.jit(jax.vmap(jax.vmap(to_theta)))(z))
        found = sampler.get_extra_fields(group_by_chain=True)
    seconds = time.perf_counter() - begin
    return theta, _stats({k: np.asarray(v) for k, v in found.items()}), seconds


def _stats(found: dict[str, np.ndarray]) -> xr.Dataset:
    names: Sequence[tuple[str, np.ndarray]] = (
        ("diverging", found["diverging"].astype(bool)),
        ("energy", found["energy"]),
        ("n_steps", found["num_steps"]),
        ("step_size", found["adapt_state.step_size"]),
        ("maxdepth_reached", found["num_steps"] >= 2**DEPTH - 1),
    )
    return xr.Dataset({k: (("chain", "draw"), v) for k, v in names})
