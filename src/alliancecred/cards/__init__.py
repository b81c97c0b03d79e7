"""How values show themselves: a card in a notebook, a few lines in a terminal; nothing that takes time."""

from .data import (
    cells_card,
    cells_line,
    simulated_card,
    simulated_line,
    survey_card,
    survey_line,
    toplines_card,
    toplines_line,
)
from .results import estimate_card, estimate_line, fit_card, spec_card, spec_line

__all__ = [
    "cells_card",
    "cells_line",
    "estimate_card",
    "estimate_line",
    "fit_card",
    "simulated_card",
    "simulated_line",
    "spec_card",
    "spec_line",
    "survey_card",
    "survey_line",
    "toplines_card",
    "toplines_line",
]
