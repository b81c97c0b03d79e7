"""Bayesian multilevel models of how credible people believe alliance promises to be.

Everything public is a function or a frozen value of this namespace; names are loaded when they are
first used, so that ``import alliancecred`` is instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_EXPORTS = {
    "priors": ("Flat", "HalfNormal", "LKJ", "LogNormal", "Normal"),
    "events": ("Decay", "Ramp", "Signal", "Step", "Wave"),
    "arms": ("balance",),
    "effects": ("amce",),
    "reliability": ("corrected",),
    "experiments": ("marginal_means", "moderation"),
    "declared": ("Attribute", "Covariate", "Group", "Restriction"),
    "terms": (
        "Cuts",
        "Drift",
        "Effect",
        "Fixed",
        "Gap",
        "Level",
        "Respondent",
        "Shift",
        "Slope",
        "Trend",
    ),
    "standard": ("standard_terms",),
    "catalogue": ("KnownSignal", "Pact", "pacts", "signals"),
    "covariates": ("make_covariate",),
    "treaties": ("Treaties", "join_atop"),
    "sliders": ("Slider",),
    "gaussian": ("Gaussian",),
    "ratings": ("Rating",),
    "origins": ("Exclusion", "Fielding", "MeanFile", "Simulation", "SurveyFile", "ToplineFile"),
    "spec": ("Estimand", "Spec", "Variant"),
    "spec_file": ("read_spec", "shipped_models", "spec_to_toml"),
    "sources": ("DataReport", "Roles", "Survey", "Toplines"),
    "survey": ("read_counts", "read_survey"),
    "toplines": ("read_toplines",),
    "means": ("read_means",),
    "populations": ("Population", "check_population", "read_population"),
    "level_maps": ("LevelMap", "relabel"),
    "raking": ("population_from_margins", "population_from_weights"),
    "preregistration": ("Locked", "deviations", "lock", "read_lock"),
    "sampling": ("Sampling",),
    "fitting": ("Fit", "build", "fit"),
    "saved": ("load", "save"),
    "prior_only": ("before_data", "scales"),
    "simulation": ("Simulated", "posterior_predictive", "prior_predictive", "simulate"),
    "estimate": ("Attrition", "Estimate"),
    "contrasts": ("contrast",),
    "comparisons": ("comparison", "gap"),
    "asking": ("evaluate",),
    "estimands": ("change", "levels", "shift"),
    "drop_out": ("attrition", "retention"),
    "hurdle": ("Hurdle", "bounds", "fit_hurdle", "unsure_spec", "unsure_survey"),
    "unasked": ("predict",),
    "check": ("leave_one_out", "ppc"),
    "side_by_side": ("pooling",),
    "raw_weighted": ("populations_side_by_side",),
    "verdict": ("diagnose",),
    "studies": ("run_study",),
    "rules": ("Rule",),
    "planning": ("Assurance", "assurance"),
    "calibration": ("Calibration", "calibrate"),
    "specifications": ("Analysis", "sensitivity"),
    "grids": ("cuts_grid", "few_groups_grid", "prior_grid", "terms_grid"),
    "data_grids": ("answers_grid", "overdispersion_grid", "without_grid"),
    "crossing": ("multiverse",),
    "placebo": ("placebo_grid",),
    "power_scaling": ("powerscale_sensitivity",),
    "interviews": ("event_balance", "event_grid", "event_window"),
    "folds": ("Folds", "k_fold"),
    "leaving_out": ("Loo", "loo"),
    "stacking": ("compare",),
    "summaries": ("describe", "ranks", "summary"),
    "report": ("methods_paragraph",),
    "tabulating": ("PaperTable", "table"),
    "figures": (
        "Paper",
        "Preset",
        "alt_text",
        "caption",
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
        "preset",
        "save_figure",
    ),
    "errors": (
        "AcError",
        "ConvergenceError",
        "ConvergenceWarning",
        "DataError",
        "DataWarning",
        "FitError",
        "IdentificationWarning",
        "IncompleteFitError",
        "IntegrityError",
        "LevelError",
        "OutcomeError",
        "PanelError",
        "PredictError",
        "SchemaError",
        "SpecError",
        "StoreError",
        "StudyError",
        "TooLargeError",
        "VersionError",
        "WeightError",
    ),
}
_HOME = {name: module for module, names in _EXPORTS.items() for name in names}
__all__ = sorted(_HOME)

if TYPE_CHECKING:
    from .asking import evaluate
    from .calibration import calibrate
    from .check import leave_one_out, ppc
    from .comparisons import gap
    from .contrasts import contrast
    from .errors import AcError, DataError, SpecError
    from .estimands import change, levels, shift
    from .fitting import Fit, build, fit
    from .folds import k_fold
    from .leaving_out import loo
    from .planning import assurance
    from .rules import Rule
    from .saved import load, save
    from .simulation import posterior_predictive, prior_predictive, simulate
    from .specifications import sensitivity
    from .stacking import compare
    from .studies import run_study
    from .summaries import describe, ranks, summary
    from .tabulating import table
    from .unasked import predict


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'alliancecred' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
