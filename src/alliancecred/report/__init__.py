"""The report of a run: one HTML file that needs nothing else."""

from .contents import Contents, Varied, covered, evaluate_all, full_table, overall, renamed
from .few import vary_scales
from .findings import title_of
from .page import render
from .paragraph import methods_paragraph
from .pictures import Picture, draw_pictures, source_line
from .plain import design_text
from .prior import prior_fit, rehearse
from .reliance import reliance_on

__all__ = [
    "Contents",
    "Picture",
    "Varied",
    "covered",
    "design_text",
    "draw_pictures",
    "evaluate_all",
    "full_table",
    "methods_paragraph",
    "overall",
    "prior_fit",
    "rehearse",
    "reliance_on",
    "renamed",
    "render",
    "source_line",
    "title_of",
    "vary_scales",
]
