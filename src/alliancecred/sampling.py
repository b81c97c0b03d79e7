"""Options of the sampler, as one frozen value."""

from dataclasses import dataclass, replace


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
        Chains (or threads of nested Laplace) run at the same time; None means the machine's.
    retries
        How often a fit that fails its gates is run again, each time with twice the tuning and a
        target ten times closer to 1.

    Examples
    --------
    >>> Sampling(tune=800).target_accept
    0.85
    """

    tune: int = 500
    target_accept: float = 0.85
    cores: int | None = None
    retries: int = 1

    def careful(self, attempt: int) -> "Sampling":
        """Return the options of a later attempt.

        Examples
        --------
        >>> Sampling().careful(1)
        Sampling(tune=1000, target_accept=0.985, cores=None, retries=1)
        """
        target = 1 - (1 - self.target_accept) / 10**attempt
        return replace(self, tune=self.tune * 2**attempt, target_accept=target)
