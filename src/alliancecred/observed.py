"""What the likelihood needs of the cells, as arrays."""

from dataclasses import dataclass

import numpy as np

from .cells import Cells
from .design import Design
from .outcome import Lattice, make_lattice


@dataclass(frozen=True)
class Observed:
    """Counts of the count cells, then the lattice of the toplines.

    Parameters
    ----------
    counts
        (count cells, answers), float.
    lattice
        The counts each topline allows.
    """

    counts: np.ndarray
    lattice: Lattice


def observed(design: Design, cells: Cells) -> Observed:
    """Return the likelihood's numbers of some cells."""
    lattice = make_lattice(cells.toplines, cells.overdispersion, design.answers)
    return Observed(cells.counts.astype(float), lattice)
