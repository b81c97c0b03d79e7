"""Figures for print: each is a function of an estimate, with a twin that gives the numbers it draws."""

from .components import amce_data, moderation_data, plot_amce, plot_moderation
from .drop_out import attrition_data, plot_attrition
from .gap import gap_data, plot_gap
from .levels import levels_data, plot_levels
from .marginal import marginal_means_data, margins_data, plot_marginal_means, plot_margins
from .pooling import plot_pooling, pooling_data
from .populations import plot_populations, populations_data
from .ppc import plot_ppc, ppc_data
from .save import alt_text, save_figure
from .shift import plot_shift, shift_data
from .specifications import plot_sensitivity, sensitivity_data, sensitivity_words
from .waves import plot_waves, waves_data

__all__ = [
    "alt_text",
    "amce_data",
    "attrition_data",
    "gap_data",
    "levels_data",
    "marginal_means_data",
    "margins_data",
    "moderation_data",
    "plot_amce",
    "plot_attrition",
    "plot_gap",
    "plot_levels",
    "plot_marginal_means",
    "plot_margins",
    "plot_moderation",
    "plot_pooling",
    "plot_populations",
    "plot_ppc",
    "plot_sensitivity",
    "plot_shift",
    "plot_waves",
    "pooling_data",
    "populations_data",
    "ppc_data",
    "save_figure",
    "sensitivity_data",
    "sensitivity_words",
    "shift_data",
    "waves_data",
]
