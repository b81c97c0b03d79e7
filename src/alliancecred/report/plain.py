"""What would be fitted, as plain text for a terminal."""

from collections.abc import Iterator, Sequence

from ..cautions import identification_warnings
from ..cells import Cells
from ..design import Design, half_life
from ..spec import Estimand, Spec
from ..wording import data_words, prior_words, term_words


def design_text(design: Design, cells: Cells) -> str:
    """Return the analysis, its data and its design in plain text."""
    spec = design.spec
    kind = "SIMULATED DATA" if spec.simulated else ""
    head = [f"{spec.name}: {spec.title}".rstrip(": "), kind, spec.question, f"SHA-256 {spec.digest}"]
    parts = [
        "\n".join(x for x in head if x),
        "\n".join(str(r) for r in cells.reports),
        _block("Levels", [f"{k}: {', '.join(v)}" for k, v in design.levels.items() if any(v)]),
        _block(
            "Rows",
            [data_words(cells)],
        ),
        _block("Terms", [term_words(t, spec) for t in spec.terms]),
        _block("Sampled", list(_sampled(design))),
        _block("Merged, left out, or resting on the prior", design.notes or ["nothing"]),
        _block("Warnings", identification_warnings(design, cells) or ["none"]),
        _block("Estimands", [_estimand(e, spec) for e in spec.estimands] or ["none"]),
        _block("Variants", [f"{v.name}: overdispersion {v.overdispersion:g}" for v in spec.variants] or ["none"]),
    ]
    return "\n\n".join(parts)


def _block(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"  {x}" for x in lines)])


def _sampled(design: Design) -> Iterator[str]:
    for coefficient in design.coefficients:
        yield f"{coefficient.name} ~ {prior_words(coefficient.prior)}"
    for block in design.pooled:
        groups = " × ".join(str(n) for n in design.shape(block))
        yield f"{block.variable}: {groups} groups, scale ~ {prior_words(block.scale)}" + (
            f", correlated with {block.partner}" if block.partner else ""
        )
    if design.respondent is not None:
        yield f"respondent: one for each person, integrated out, scale ~ {prior_words(design.respondent)}"
    if design.inner:
        yield f"cut_spacing: {design.inner} ~ {prior_words(design.cuts)}"
    if (slider := design.slider) is not None:
        yield f"cut_location ~ {prior_words(slider.location)}; precision ~ {prior_words(slider.precision, '')}"
    if (normal := design.spec.gaussian) is not None:
        yield f"sigma ~ {prior_words(normal.sd, '')}"
    if design.cut_scale is not None:
        yield f"cut_spacing_country: {design.cut_groups} countries, scale ~ {prior_words(design.cut_scale)}"
    for name, prior in design.fading.items():
        yield f"{half_life(name)} ~ {prior_words(prior)}"


def _estimand(estimand: Estimand, spec: Spec) -> str:
    parts = [estimand.name or estimand.of, f"({estimand.of})" if estimand.name else ""]
    parts += [f"by {', '.join(estimand.by)}"] if estimand.by else ["averaged"]
    parts += [f"in {', '.join(map(spec.label, estimand.countries))}"] if estimand.countries else []
    return " ".join(p for p in parts if p)
