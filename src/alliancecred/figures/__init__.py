"""Figures for print: each is a function of an estimate, with a twin that gives the numbers it draws."""

from .balance import balance_data, plot_balance
from .components import amce_data, moderation_data, plot_amce, plot_moderation
from .crossed import matrix_data, plot_matrix
from .drop_out import attrition_data, plot_attrition
from .gap import gap_data, plot_gap
from .left_out import left_out_data, plot_left_out
from .levels import levels_data, plot_levels
from .marginal import marginal_means_data, margins_data, plot_marginal_means, plot_margins
from .pooling import plot_pooling, pooling_data
from .populations import plot_populations, populations_data
from .ppc import plot_ppc, ppc_data
from .presets import PRESETS, Paper, Preset, preset
from .prior_posterior import plot_prior_posterior, prior_posterior_data
from .save import save_figure
from .shift import plot_shift, shift_data
from .specifications import plot_sensitivity, sensitivity_data, sensitivity_words
from .waves import plot_waves, waves_data
from .words import alt_text, caption

__all__ = [
    "PRESETS",
    "Paper",
    "Preset",
    "alt_text",
    "amce_data",
    "attrition_data",
    "balance_data",
    "caption",
    "gap_data",
    "left_out_data",
    "levels_data",
    "marginal_means_data",
    "margins_data",
    "matrix_data",
    "moderation_data",
    "plot_amce",
    "plot_attrition",
    "plot_balance",
    "plot_gap",
    "plot_left_out",
    "plot_levels",
    "plot_marginal_means",
    "plot_margins",
    "plot_matrix",
    "plot_moderation",
    "plot_pooling",
    "plot_populations",
    "plot_ppc",
    "plot_prior_posterior",
    "plot_sensitivity",
    "plot_shift",
    "plot_waves",
    "pooling_data",
    "populations_data",
    "ppc_data",
    "preset",
    "prior_posterior_data",
    "save_figure",
    "sensitivity_data",
    "sensitivity_words",
    "shift_data",
    "waves_data",
]
