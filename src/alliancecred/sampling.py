"""Options of the sampler, as one frozen value."""

from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path

from .errors import SpecError


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
        How often a fit that fails its gates is run again: `longer` if only its mixing failed, else more
        `careful`.
    thin
        Of so many draws in a row the last is kept.
    keep
        A folder in which the no-U-turn sampler keeps each chain as soon as it has ended. The same fit begun again,
        after a kill, say, or with more chains, samples only those that are not there yet, and gives the same bits as
        if it had not been interrupted. Chains then have seeds of their own: their draws are not those without
        ``keep``, of which they are as good a sample. No progress is shown.

    Raises
    ------
    SpecError
        If a number is not one that sampling can use.

    Examples
    --------
    >>> Sampling(tune=800).target_accept
    0.9
    """

    tune: int = 600
    target_accept: float = 0.9
    cores: int | None = None
    retries: int = 1
    thin: int = 1
    keep: str | Path | None = None

    def __post_init__(self) -> None:
        least = {"tune": 1, "retries": 0, "thin": 1} | ({} if self.cores is None else {"cores": 1})
        for name, low in least.items():
            value = getattr(self, name)
            if not isinstance(value, Integral) or isinstance(value, bool) or value < low:
                raise SpecError(f"Sampling: {name} is a whole number of at least {low}, got {value!r}")
        if not (self.keep is None or isinstance(self.keep, Path) or (isinstance(self.keep, str) and self.keep)):
            raise SpecError(f"Sampling: keep is the path of a folder, got {self.keep!r}")
        if not 0 < self.target_accept < 1:
            raise SpecError(f"Sampling: target_accept lies between 0 and 1, got {self.target_accept!r}")

    def careful(self) -> "Sampling":
        """Return options with twice the tuning and a target ten times closer to 1, against divergences.

        Examples
        --------
        >>> Sampling().careful().tune, Sampling().careful().target_accept
        (1200, 0.99)
        """
        return replace(self, tune=2 * self.tune, target_accept=1 - (1 - self.target_accept) / 10)

    def longer(self) -> "Sampling":
        """Return options with twice the draws, every second of which is kept.

        Examples
        --------
        >>> Sampling().longer().thin
        2
        """
        return replace(self, thin=2 * self.thin)
