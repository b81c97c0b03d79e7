"""The pages of the reference: every public name, by what one wants to do."""

from collections.abc import Iterable

import alliancecred as ac
import alliancecred.figures

# group: (title, what it is for, the modules whose names belong to it)
GROUPS: dict[str, tuple[str, str, str]] = {
    "describe": (
        "Describe an analysis",
        "What was asked, of whom, which signals, which terms with which priors, and what is to be reported.",
        "spec spec_file terms standard priors events catalogue declared covariates treaties sliders gaussian ratings "
        "origins preregistration",
    ),
    "read": (
        "Read data",
        "Each door returns a validated value with an account of every row, or one error that lists every problem.",
        "survey toplines means sources populations level_maps raking",
    ),
    "fit": ("Fit", "From an analysis and its data to draws that have passed their gates.", "fitting sampling hurdle"),
    "ask": (
        "Ask",
        "Questions put to the draws: levels, changes, shifts, gaps, and what they are in numbers and words.",
        "estimands comparisons contrasts asking drop_out unasked summaries tabulating report",
    ),
    "experiments": (
        "Experiments",
        "Marginal means, effects and moderation in vignette and conjoint experiments; careless answers.",
        "experiments effects arms reliability",
    ),
    "check": (
        "Check",
        "Does the model reproduce what was observed, would another predict better, does the answer hang on a choice?",
        "check side_by_side raw_weighted verdict specifications grids data_grids crossing placebo power_scaling "
        "interviews folds leaving_out stacking",
    ),
    "plan": (
        "Plan and simulate",
        "Surveys with known truth, draws from the prior, assurance of a planned survey, calibration.",
        "simulation prior_only studies rules planning calibration",
    ),
    "draw": ("Draw", "Figures; each returns a matplotlib figure.", "figures"),
    "keep": ("Keep", "A fit in one file under a seal.", "saved"),
    "values": (
        "Values",
        "What the functions return: frozen, comparable, to look into.",
        "estimate",
    ),
    "errors": ("Errors and warnings", "Each says what is wrong, where, and how to mend it.", "errors"),
}
# These are returned, not made by hand: they stand among the values, wherever they are defined.
RETURNED = {
    "Analysis", "Assurance", "Calibration", "DataReport", "Fit", "Folds", "Hurdle", "KnownSignal", "Locked", "Loo",
    "Pact", "PaperTable", "Population", "Simulated", "Survey", "Toplines", "Treaties",
}  # fmt: skip

# Parts of those values, which have no name in the namespace of the package.
PARTS = (
    "gates.Diagnosis",
    "errors.Problem",
    "sources.ReportLine",
    "sources.Topline",
    "origins.PopulationFile",
)


def where_found() -> dict[str, str]:
    """Return short name → full name of everything that has a page."""
    parts = {part.rsplit(".", 1)[-1]: f"alliancecred.{part}" for part in PARTS}
    figures = {name: f"alliancecred.figures.{name}" for name in _twins()}
    return parts | figures | {name: f"alliancecred.{name}" for name in ac.__all__}


def _twins() -> list[str]:
    """Functions that give what a figure shows in numbers or words."""
    return [name for name in ac.figures.__all__ if name not in ac.__all__]


def grouped() -> dict[str, list[str]]:
    """Return group → its public names, in the order in which they are exported.

    Raises
    ------
    ValueError
        If a module of the package has no group.
    """
    home = {module: group for group, (_, _, modules) in GROUPS.items() for module in modules.split()}
    if missing := sorted(set(ac._EXPORTS) - set(home)):
        raise ValueError(f"{', '.join(missing)}: give each a group in GROUPS of docs/_ext/api.py")
    found: dict[str, list[str]] = {group: [] for group in GROUPS}
    for module, names in ac._EXPORTS.items():
        for name in names:
            found["values" if name in RETURNED else home[module]].append(name)
    return found


def files() -> dict[str, str]:
    """Return full name → page: `fit` and `Fit` must not be one file where the case of letters does not count."""
    return {full: f"{name}-{'class' if name[0].isupper() else 'function'}" for name, full in where_found().items()}


def pages() -> Iterable[tuple[str, str]]:
    """Yield path and text of each page."""
    groups = grouped()
    intro = [
        "API reference",
        "=============",
        "",
        "Everything public is a function or a frozen value of one namespace: ``import alliancecred as ac``.",
        f"There are {len(ac.__all__)} names, in groups; :ref:`genindex` has them by the alphabet. The command line",
        "has :doc:`a page of its own <command_line>`.",
        "",
        ".. toctree::",
        "   :hidden:",
        "",
        *(f"   {group}" for group in GROUPS),
        "   command_line",
        "",
    ]
    for group, (title, purpose, _) in GROUPS.items():
        names = ", ".join(f":py:obj:`~alliancecred.{n}`" for n in groups[group])
        intro += [f":doc:`{title} <{group}>`", f"   {purpose}", "", f"   {names}", ""]
        text = [title, "=" * len(title), "", purpose, "", *_list("alliancecred", groups[group])]
        if group == "draw":
            text += ["What a figure shows", "-" * 19, "", *_list("alliancecred.figures", _twins())]
        if group == "values":
            text += ["Parts of values", "-" * 15, "", *_list("alliancecred", PARTS)]
        yield f"{group}.rst", "\n".join(text)
    yield "index.rst", "\n".join(intro)


def _list(module: str, names: Iterable[str]) -> list[str]:
    head = [f".. currentmodule:: {module}", "", ".. autosummary::", "   :toctree: names", "   :nosignatures:", ""]
    return [*head, *(f"   {name}" for name in names), ""]
