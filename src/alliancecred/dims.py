"""Names of what a posterior holds: the dims of its variables, and their coordinates."""

from collections.abc import Sequence
from itertools import pairwise

from .cells import Cells
from .design import CUTS_BY_COUNTRY, SD_CUTS, SD_RESPONDENT, STEP, Design, half_life


def coords_of(design: Design, cells: Cells | None = None) -> dict[str, Sequence[str]]:
    """Return the coordinates of every dim the posterior uses."""
    out: dict[str, Sequence[str]] = {f: list(v) for f, v in design.levels.items()}
    for variable, index in design.variables.items():
        labels = [design.coefficients[i].label for i in index]
        if labels[0]:
            out[labels_dim(variable)] = labels
    if any(b.walk for b in design.pooled):
        out[STEP] = [f"{a} → {b}" for a, b in pairwise(design.levels["wave"])]
    if design.slider is not None:
        out["spacing"] = [f"{design.spec.answers[0]} | {design.spec.answers[-1]}"]
    elif design.inner:
        out["spacing"] = [f"{a} | {b}" for a, b in zip(design.spec.answers[1:-1], design.spec.answers[2:], strict=True)]
    if cells is not None:
        out["cell"] = [str(i) for i in range(len(cells.counts))]
        out["topline"] = [str(i) for i in range(len(cells.toplines))]
        out["answer"] = list(design.spec.answers)
    return out


def dims_of(design: Design) -> dict[str, tuple[str, ...]]:
    """Return the dims of every variable of the posterior."""
    out: dict[str, tuple[str, ...]] = {}
    for variable, index in design.variables.items():
        out[variable] = (labels_dim(variable),) if design.coefficients[index[0]].label else ()
    for block in design.pooled:
        out |= {block.variable: block.axes, block.sd_name: ()}
        if block.partner:
            out[block.corr_name] = ()
    if design.respondent is not None:
        out[SD_RESPONDENT] = ()
    if design.inner:
        out["cut_spacing"] = ("spacing",)
    out |= {name: () for name in design.spec.extra}
    if design.cut_scale is not None:
        out |= {CUTS_BY_COUNTRY: ("country", "spacing"), SD_CUTS: ()}
    return out | {half_life(name): () for name in design.fading}


def labels_dim(variable: str) -> str:
    """Return the dim of an unpooled variable with several entries: roles of allies, or levels of an attribute."""
    return f"{variable}_{'level' if variable.startswith('effect_') else 'role'}"
