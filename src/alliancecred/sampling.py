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
    0.9
    """

    tune: int = 400
    target_accept: float = 0.9
    cores: int | None = None
    retries: int = 1

    def careful(self, attempt: int) -> "Sampling":
        """Return the options of a later attempt.

        Examples
        --------
        >>> Sampling().careful(1)
        Sampling(tune=800, target_accept=0.99, cores=None, retries=1)
        """
        target = 1 - (1 - self.target_accept) / 10**attempt
        return replace(self, tune=self.tune * 2**attempt, target_accept=target)
