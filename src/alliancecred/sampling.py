"""Options of the sampler, as one frozen value."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sampling:
    """How the posterior is sampled.

    Parameters
    ----------
    tune
        Tuning draws per chain.
    target_accept
        Target acceptance probability.
    cores
        Chains run at the same time; None means the machine's.
    retries
        How often a fit that fails its gates is run again, each time with twice the tuning and a
        target ten times closer to 1.

    Examples
    --------
    >>> Sampling(tune=500).target_accept
    0.95
    """

    tune: int = 800
    target_accept: float = 0.95
    cores: int | None = None
    retries: int = 1
