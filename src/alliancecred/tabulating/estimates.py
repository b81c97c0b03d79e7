"""Estimates as rows of text under headings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..estimate import Estimate
from ..summaries import CiKind, digits_for, full_name, number, row_names, summary
from ..wording import chance
from .notes import notes_of
from .value import Column, PaperTable, Rows

ROLES = {
    "sender": "First-order effect (sender)",
    "other": "Second-order effect (other allies)",
    "self": "Self-rating",
}
NOTHING = "–"
_WORDS = ("Identification", "Gates")
Cells = list[tuple[str, str, dict[str, str]]]  # heading, label of the row, heading of a column → text


def of_estimates(
    estimates: Sequence[Estimate], *, by: str, title: str, ci_prob: float, ci_kind: CiKind, diagnostics: bool
) -> PaperTable:
    """Return estimates as a table, in their order; roles in that of the theory."""
    units = list(dict.fromkeys(e.unit for e in estimates))
    several = len({str(n) for e in estimates for n in e.draws["estimand"].values}) > 1
    by = by or ("attribute" if _of_attributes(estimates) else "")
    rows: Cells = []
    for estimate in estimates:
        numbers = summary(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
        heads, names = _names(estimate, by, several=several)
        unit = f" ({estimate.unit})" if len(units) > 1 else ""
        for i in _in_order(estimate):
            head = heads[i] + (unit if heads[i] and not by else "")
            name = names[i] + (unit if not heads[i] or by else "")
            rows.append((head, name, texts(numbers.iloc[i].to_dict(), estimate.unit, diagnostics)))
    mean = "Mean" if len(units) > 1 else f"Mean ({units[0]})"
    always = [mean, f"{100 * ci_prob:g} % interval"]
    whole = [(h, n, dict(zip(always, (t.pop("mean"), t.pop("interval")), strict=True)) | t) for h, n, t in rows]
    return PaperTable(
        title or title_of(estimates),
        *laid_out(whole, always),
        notes_of(estimates, ci_prob=ci_prob, ci_kind=ci_kind),
    )


def _of_attributes(estimates: Sequence[Estimate]) -> bool:
    """Return whether all rows ask the same of the levels of several attributes."""
    rows = [e.labels(i) for e in estimates for i in range(len(e))]
    said = [len({row.get(k, "") for row in rows}) > 1 for k in ("estimand", "role", "attribute")]
    return said == [False, False, True]


def laid_out(rows: Cells, always: Sequence[str]) -> tuple[tuple[Column, ...], tuple[Rows, ...]]:
    """Return columns and groups: a column that says the same in every row (words), or nothing at all, is left out."""
    heads = list(dict.fromkeys(h for _, _, t in rows for h in t))
    shown = []
    for head in heads:
        said = {t.get(head, NOTHING) for _, _, t in rows}
        if head in always or (said != {NOTHING} and not (head in _WORDS and len(said) == 1)):
            shown.append(head)
    columns = (Column("", "label"), *(Column(h, "words" if h in _WORDS else "number") for h in shown))
    groups: dict[str, list[tuple[str, ...]]] = {}
    for heading, name, t in rows:
        groups.setdefault(heading, []).append((name, *(t.get(h, NOTHING) for h in shown)))
    return columns, tuple(Rows(h, tuple(r)) for h, r in groups.items())


def texts(row: Mapping[Any, Any], unit: str, diagnostics: bool) -> dict[str, str]:
    """Return what a row of a summary says, column by column; ``mean`` and ``interval`` first."""
    mean, low, high = (float(row[k]) for k in ("mean", "lower", "upper"))
    digits = digits_for(unit)
    out = {"mean": number(mean, digits=digits), "interval": NOTHING}
    if np.isfinite([low, high]).all():
        out["interval"] = f"[{number(low, digits=digits)}, {number(high, digits=digits)}]"
    out["P(> 0)"] = chance(float(row["p_positive"]))
    if (smallest := row.get("smallest", np.nan)) == smallest:
        out[f"P(beyond ±{smallest:g})"] = chance(float(row["p_beyond"]))
    if diagnostics:
        for key, words, digits in (
            ("ess_bulk", "Bulk ESS", 0),
            ("ess_tail", "Tail ESS", 0),
            ("r_hat", "R-hat", 3),
            ("k_hat", "Pareto k", 2),
        ):
            value = float(row.get(key, np.nan))
            out[words] = f"{value:,.{digits}f}" if np.isfinite(value) else NOTHING
    out["Identification"] = str(row["identification"])
    out["Gates"] = "passed" if row["status"] == "passed" else "FAILED"
    return out


def _in_order(estimate: Estimate) -> list[int]:
    roles = estimate.draws["role"].values.astype(str)
    order = [*ROLES, *dict.fromkeys(roles)]
    return sorted(range(len(estimate)), key=lambda i: order.index(roles[i]))


def role_words(role: str) -> str:
    """Return what the rows of a role are called in a table."""
    return ROLES.get(role, role.capitalize())


def _names(estimate: Estimate, by: str, *, several: bool) -> tuple[list[str], list[str]]:
    """Return the heading and the label of each row."""
    kinds, roles = (estimate.draws[k].values.astype(str) for k in ("estimand", "role"))
    many = len(set(roles)) > 1
    asked = [_first(k) if several else "" for k in kinds]
    who = [role_words(r) if many and r else "" for r in roles]
    if not by:
        heads = [": ".join(x for x in both if x) for both in zip(asked, who, strict=True)]
        names = row_names(estimate.named(""))
        alone = pd.Series(heads).map(pd.Series(heads).value_counts()).eq(1).tolist()
        plain = [not any(estimate.labels(i)[k] for k in estimate.keys[2:]) for i in range(len(estimate))]
        if len(set(heads)) == len(heads) and (len(heads) > 1 or several):  # headings over one row each say too little
            return (asked if several and many else [""] * len(heads)), [
                w or h if p or a else n for w, h, n, p, a in zip(who, heads, names, plain, alone, strict=True)
            ]
        return heads, names
    if by in ("estimand", "role"):
        heads = [_first(k) for k in kinds] if by == "estimand" else [role_words(r) if r else "All roles" for r in roles]
        parts = who if by == "estimand" else asked
        return heads, [
            ": ".join(x for x in (p, n) if x) for p, n in zip(parts, row_names(estimate.named("")), strict=True)
        ]
    have = estimate.draws[by].values.astype(str) if by in estimate.keys else np.full(len(estimate), "")
    heads = [full_name(estimate.spec, h) if h else f"Average over {_plural(by)}" for h in have]
    names = ["" if n == "Average" else n for n in row_names(_without(estimate.named(""), by))]
    full = [": ".join(x for x in parts if x) for parts in zip(asked, who, names, strict=True)]
    return heads, [f or _first(k) for f, k in zip(full, kinds, strict=True)]


def _without(estimate: Estimate, label: str) -> Estimate:
    """Return the estimate with one of its labels blank, for names that leave it out."""
    if label not in estimate.keys:
        return estimate
    draws = estimate.draws.assign_coords({label: ("row", np.full(len(estimate), ""))})
    return replace(estimate, draws=draws)


def _plural(label: str) -> str:
    return {"country": "countries", "ally": "allies"}.get(label, f"{label}s")


def _first(text: str) -> str:
    return text[:1].upper() + text[1:]


def title_of(estimates: Sequence[Estimate]) -> str:
    """Return what estimates are about, and the title of their analysis."""
    asked = list(dict.fromkeys(str(n) for e in estimates for n in e.draws["estimand"].values))
    what = ", ".join(asked) if len(asked) <= 3 else f"{len(asked)} estimands"
    named = list(dict.fromkeys(e.spec.title or e.spec.name for e in estimates))
    return marked(f"{_first(what)}: {'; '.join(named)}", estimates)


def marked(title: str, estimates: Sequence[Estimate]) -> str:
    """Return a title that says what must not be overlooked."""
    simulated = any(e.spec.simulated for e in estimates) and "simulated" not in title.lower()
    failed = any(e.status != "passed" for e in estimates)
    return ("GATES FAILED: " if failed else "") + ("SIMULATED: " if simulated else "") + title
