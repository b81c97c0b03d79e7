"""What the methods of a report are described in, and where a reader finds each step of the reporting guidelines."""

from collections.abc import Iterable, Iterator

from ..estimate import Estimate
from ..fitting import Fit

GUIDELINES = (
    "Kruschke, J. K. (2021). Bayesian analysis reporting guidelines. Nature Human Behaviour 5, 1282-1291. "
    "doi:10.1038/s41562-021-01177-7"
)
RANKS = (
    "Vehtari, A., Gelman, A., Simpson, D., Carpenter, B. & Bürkner, P.-C. (2021). Rank-normalization, folding, and "
    "localization: an improved R-hat for assessing convergence of MCMC. Bayesian Analysis 16, 667-718. "
    "doi:10.1214/20-BA1221"
)
_ENGINES = {
    "laplace": (
        "Rue, H., Martino, S. & Chopin, N. (2009). Approximate Bayesian inference for latent Gaussian models by using "
        "integrated nested Laplace approximations. Journal of the Royal Statistical Society B 71, 319-392. "
        "doi:10.1111/j.1467-9868.2008.00700.x",
        "Vehtari, A., Simpson, D., Gelman, A., Yao, Y. & Gabry, J. (2024). Pareto smoothed importance sampling. "
        "Journal of Machine Learning Research 25(72), 1-58.",
    ),
    "nuts": (
        "Hoffman, M. D. & Gelman, A. (2014). The no-U-turn sampler: adaptively setting path lengths in Hamiltonian "
        "Monte Carlo. Journal of Machine Learning Research 15, 1593-1623.",
    ),
}
_SCALING = (
    "Kallioinen, N., Paananen, T., Bürkner, P.-C. & Vehtari, A. (2024). Detecting and diagnosing prior and likelihood "
    "sensitivity with power-scaling. Statistics and Computing 34, 57. doi:10.1007/s11222-023-10366-5"
)


def method_references(fit: Fit, *, reliance: bool) -> tuple[str, ...]:
    """Return what the methods of a fit are described in."""
    engine = _ENGINES["laplace" if fit.idata.attrs["method"] == "laplace" else "nuts"]
    return (GUIDELINES, *engine, RANKS, *((_SCALING,) if reliance else ()))


def decisions(estimates: Iterable[Estimate]) -> str:
    """Return what was declared to decide by: smallest effects of interest, or nothing."""
    sizes = dict.fromkeys(f"{e.smallest:g} {e.unit}" for e in estimates if e.smallest > 0)
    if not sizes:
        return "none are made: probabilities of direction are given"
    return (
        f"a smallest effect of interest was declared ({', '.join(sizes)}): the probability of a larger one, in either "
        "direction, is given; no hypothesis is accepted or rejected"
    )


def checklist(estimates: Iterable[Estimate]) -> Iterator[tuple[str, str, str]]:
    """Yield each step of the guidelines, what answers it here, and the section it is in."""
    yield "1 Model: data, likelihood, priors", "data, model in words and mathematics, priors in points", "model"
    yield "2 Computation: convergence, effective size", "diagnostics of every fit, and the gates", "checks"
    yield "3 Posterior: summaries, predictive check", "estimates, figures, cells that are not reproduced", "estimates"
    yield "4 Decisions", decisions(estimates), "estimates"
    yield "5 Sensitivity", "what the answers rest on, other assumptions", "model"
    yield "6 Reproducibility", "seed, versions, digests, the analysis as TOML, draws", "provenance"
