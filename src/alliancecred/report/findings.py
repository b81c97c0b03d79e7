"""Sections of a report for every reader: verdict, findings, figures, estimates."""

import base64
from collections.abc import Sequence

import pandas as pd

from ..estimate import Estimate
from ..spec import Estimand
from ..summary import describe, digits_for, number, row_names
from .contents import Contents, covered
from .markup import Html, bullets, details, el, join, link, section, table
from .pictures import Picture

_LONG = 20  # rows: longer tables are folded
Asked = tuple[Estimand, Estimate, pd.DataFrame]


def chance(p: float) -> str:
    """Return a probability as it is printed: never 0 or 1.

    Examples
    --------
    >>> chance(1.0), chance(0.9951), chance(0.42)
    ('> 0.999', '0.995', '0.42')
    """
    if p != p:
        return "–"
    if p > 0.999 or p < 0.001:
        return "> 0.999" if p > 0.5 else "< 0.001"
    return f"{p:.2f}" if 0.01 <= p <= 0.99 else f"{p:.3f}"


def with_interval(row: "pd.Series[object]", unit: str) -> str:
    """Return ``mean [lower, upper]`` of a row of a summary."""
    mean, low, high = (number(float(str(row[k])), digits=digits_for(unit)) for k in ("mean", "lower", "upper"))
    return f"{mean} [{low}, {high}]"


def verdict(contents: Contents) -> Html:
    """Return what must be seen first: simulated or not, gates passed or not."""
    lines = []
    if contents.spec.simulated:
        text = "SIMULATED DATA. No respondent in this report exists; the truth is known and shown beside the estimates."
        lines.append(el("p", el("strong", text), attrs={"class": "band simulated"}))
    if contents.status == "passed":
        d = contents.fit.diagnosis
        text = f" R-hat below 1.01 and effective sizes above 400 for everything reported; {d.divergences} divergences."
        lines.append(el("p", el("strong", "✓ All gates passed."), text, attrs={"class": "band passed"}))
    else:
        lines.append(el("p", el("strong", "✗ GATES FAILED: do not report these numbers. "),
                        contents.status.removeprefix("failed: "), attrs={"class": "band failed"}))
    return join(lines)


def headlines(contents: Contents) -> list[Asked]:
    """Return the estimates to begin with: averages of differences, or else the shortest difference."""
    differences = [a for a in contents.asked if a[1].is_difference]
    averages = [a for a in differences if not a[0].by]
    return averages or sorted(differences or contents.asked, key=lambda a: len(a[1]))[:1]


def findings(contents: Contents) -> Html:
    """Return the main estimates, in a table and in words."""
    main = headlines(contents)
    rows = [row for asked in main for row in _headline_rows(asked)]
    unit = main[0][1].unit
    known = "truth" in contents.table
    head = ["", f"{unit.capitalize()} [95 % interval]", "Probability of being below 0", *(["Truth"] if known else [])]
    shown = table(head, [r if known else r[:3] for r in rows], numbers=range(1, len(head)), caption="Main estimates")
    words = [el("p", describe(estimate)) for _, estimate, _ in main]
    text = []
    if known:
        inside, size = covered(contents.table)
        text.append(f"Over all {size} estimates, {inside} of the 95 % intervals ({100 * inside / max(1, size):.0f} %) "
                    "cover the truth.")
    return section("Main findings", shown, [el("p", t) for t in text], details("The same in words, for a paper", words),
                   anchor="findings")


def _headline_rows(asked: Asked) -> list[list[str]]:
    estimand, estimate, rows = asked
    out = []
    for name, (_, row) in zip(names_with_roles(estimate), rows.iterrows(), strict=True):
        title = estimand.name or {"shift": "Shift", "gap": "Gap", "change": "Change"}.get(estimand.of, "Level")
        words = title if name in ("", "Average") else f"{title}: {name}"
        down = 1 - float(row["p_positive"])
        out.append([words[:1].upper() + words[1:], with_interval(row, estimate.unit), chance(down), _truth(row, estimate)])
    return out


def names_with_roles(estimate: Estimate) -> list[str]:
    """Return the names of the rows, with their role where roles differ."""
    roles = estimate.draws["role"].values.astype(str)
    many = len(set(roles)) > 1
    words = {"sender": "sender (first-order)", "other": "other allies (second-order)", "self": "self-rating"}
    out = []
    for role, name in zip(roles, row_names(estimate), strict=True):
        parts = [words.get(role, role) if many and role else "", "" if name == "Average" and many else name]
        out.append(", ".join(p for p in parts if p))
    return out


def _truth(row: "pd.Series[object]", estimate: Estimate) -> str:
    if "truth" not in row or row["truth"] != row["truth"]:
        return "–"
    value = float(str(row["truth"]))
    inside = float(str(row["lower"])) <= value <= float(str(row["upper"]))
    return number(value, digits=digits_for(estimate.unit)) + ("" if inside else " (outside)")


def figures(contents: Contents, pictures: Sequence[Picture]) -> Html:
    """Return every figure with its title, its files and its words."""
    return section("Figures", [_figure(i + 1, p) for i, p in enumerate(pictures)], anchor="figures")


def _figure(number_of: int, picture: Picture) -> Html:
    wide, narrow = (f"data:image/png;base64,{base64.b64encode(x).decode()}" for x in (picture.wide, picture.narrow))
    image = el("img", attrs={"src": wide, "alt": picture.alt, "style": f"width:{picture.inches * 132:.0f}px"})
    small = el("source", attrs={"media": "(max-width: 640px)", "srcset": narrow})
    files = [link(p.suffix[1:].upper(), f"figures/{p.name}") for p in picture.files]
    spaced = [x for i, f in enumerate(files) for x in ([Html(" · ")] if i else []) + [f]]
    title = el("figcaption", el("strong", f"Figure {number_of}. {picture.title}."), " Files: ", spaced)
    return join(el("figure", title, el("div", el("picture", small, image), attrs={"class": "card"})),
                details("This figure in words", el("p", picture.alt)))


def estimates(contents: Contents) -> Html:
    """Return the tables of estimates, long ones folded."""
    parts = [_estimate(asked, contents) for asked in contents.asked]
    note = el("p", "Every row with its diagnostics: ", link("summary.csv", "summary.csv"), ". The draws: ",
              link("draws.nc", "draws.nc"), ".")
    return section("Estimates", note, parts, _varied(contents), anchor="estimates")


def _estimate(asked: Asked, contents: Contents) -> Html:
    estimand, estimate, rows = asked
    known = "truth" in rows
    name = str(estimate.draws["estimand"].values[0])
    head = ["", "Mean [95 % interval]", "sd", *(["P(> 0)"] if estimate.is_difference else []), *(["Truth"] if known else [])]
    body = []
    for label, (_, row) in zip(names_with_roles(estimate), rows.iterrows(), strict=True):
        cells = [label or name, with_interval(row, estimate.unit), number(float(row["sd"]), digits=digits_for(estimate.unit))]
        cells += [chance(float(row["p_positive"]))] if estimate.is_difference else []
        body.append([*cells, *([_truth(row, estimate)] if known else [])])
    caption = f"{name[:1].upper() + name[1:]}{_broken_down(estimand)}: {estimate.unit}; {estimate.identification}"
    made = table(head, body, numbers=range(1, len(head)), caption=caption)
    return details(f"{caption} ({len(body)} rows)", made) if len(body) > _LONG else made


def _broken_down(estimand: Estimand) -> str:
    return f" by {', '.join(estimand.by)}" if estimand.by else ""


def _varied(contents: Contents) -> Html:
    if not contents.varied:
        return Html("")
    variants = contents.varied
    texts = [f"{v.variant.name}: overdispersion {v.variant.overdispersion:g}. {v.variant.why}".rstrip(". ") + "."
             for v in variants]
    head = ["", "Main analysis", *(v.variant.name for v in variants)]
    body, start = [], sum(len(e) for e in contents.estimates)
    size = start
    main = contents.table.iloc[:size].reset_index(drop=True)
    columns = [main]
    for _ in variants:
        columns.append(contents.table.iloc[start : start + size].reset_index(drop=True))
        start += size
    labels = [(e, f"{e.draws['estimand'].values[0]}: {n}") for e in contents.estimates for n in names_with_roles(e)]
    for i, (estimate, label) in enumerate(labels):
        if estimate.is_difference:
            body.append([label, *(with_interval(c.iloc[i], estimate.unit) for c in columns)])
    made = table(head, body, numbers=range(1, len(head)), caption="Differences under other assumptions, percentage points")
    return join(el("h3", "The same under other assumptions"), bullets(texts), made)
