"""Frames of other functions as tables: `summary`, `sensitivity`, `compare`, `populations_side_by_side`."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from ..errors import SpecError
from ..estimate import LABELS
from ..spec import Spec
from ..specifications import CHOICE
from ..summaries import COLUMNS, DIAGNOSTICS, full_name, number
from .estimates import NOTHING, Cells, laid_out, role_words, texts
from .notes import gate_note, pooled_words, simulated_note, spec_note
from .value import Column, PaperTable, Rows

_NUMBERS = {"mean", "lower", "upper", "prob", "p_positive", "unit", "identification", "status"}
_SHARES = ("raw", "weighted", "model", "poststratified")
_OF_SUMMARY = {*COLUMNS, *DIAGNOSTICS, "smallest", "p_beyond", "method", "specification", "analysis", "truth"}
_OF_SUMMARY |= {"country_name", "ally_name", "factor", "row"}
Row = Mapping[Hashable, Any]


def of_frame(frame: pd.DataFrame, *, spec: Spec | None, title: str, diagnostics: bool) -> PaperTable:
    """Return a frame as a table; which function made it is read off its columns.

    Raises
    ------
    SpecError
        If it has no rows, or another function made it.
    """
    have = set(map(str, frame.columns))
    if frame.empty:
        raise SpecError("the frame has no rows: there is nothing to show")
    if have >= {"elpd", "se", "difference", "difference_se", "weight", "failed"}:
        return _compared(frame, spec, title)
    if have >= {"people", *_SHARES, *(f"{k}_lower" for k in _SHARES)}:
        return _shares(frame, spec, title)
    if have >= _NUMBERS:
        return _summarised(frame, spec, title, diagnostics)
    raise SpecError(
        "a table is made of frames of summary, sensitivity, compare or populations_side_by_side; this one has the "
        f"columns {', '.join(map(str, list(frame.columns)[:8]))}"
    )


def _summarised(frame: pd.DataFrame, spec: Spec | None, title: str, diagnostics: bool) -> PaperTable:
    many = "specification" in frame
    units = list(dict.fromkeys(str(u) for u in frame["unit"].dropna() if u))
    probs = sorted({float(p) for p in frame["prob"].dropna()})
    labels = [k for k in map(str, frame.columns) if k not in _OF_SUMMARY - {*LABELS} and not k.startswith(CHOICE)]
    rows: Cells = []
    always = [f"Mean ({units[0]})" if len(units) == 1 else "Mean", _interval(probs)]
    for row in frame.to_dict("records"):
        unit = row["unit"] if isinstance(row["unit"], str) else ""
        label = row["identification"] if isinstance(row["identification"], str) else NOTHING
        said = texts({**row, "identification": label}, unit or "percent", diagnostics)
        said = dict(zip(always, (said.pop("mean"), said.pop("interval")), strict=True)) | said
        name = _question(row, labels, spec) + (f" ({unit})" if len(units) > 1 and unit else "")
        if not unit:  # a specification that gave no answer
            name, said[always[0]] = "Without an answer", NOTHING
        rows.append((name, str(row["specification"]), said) if many else ("", name, said))
    bad = [str(s) for s in frame["status"] if s != "passed"]
    kinds = [k for k in ("r_hat", "k_hat") if k in frame and frame[k].notna().any()]
    whose = f"{len(set(frame['specification']))} specifications" if many else f"{len(frame)} rows"
    where = f" ({len(bad)} of {len(frame)} rows)" if bad else ""
    made = f"The same questions under {whose}" if many else "Estimates"
    notes = [
        gate_note(list(dict.fromkeys(bad)), kinds)[:-1] + f"{where}.",
        *(simulated_note([spec]) if spec else []),
        f"Posterior means; {_interval(probs)}s as in the frame. P(> 0): posterior probability that it is above zero.",
        *_known(frame, labels, spec),
        *([pooled_words(spec), spec_note(spec)] if spec else []),
    ]
    return PaperTable(title or _titled(made, spec, bool(bad)), *laid_out(rows, always), tuple(notes))


def _interval(probs: Sequence[float]) -> str:
    return f"{100 * probs[0]:g} % interval" if len(probs) == 1 else "Interval"


def _question(row: Row, labels: Sequence[str], spec: Spec | None) -> str:
    """Return what a row asks: estimand, role, and whatever it is broken down by."""
    parts = [str(row[k]) for k in labels if k not in ("estimand", "role") and isinstance(row[k], str) and row[k]]
    named = [full_name(spec, p) if spec else p for p in parts]
    kind, role = (row[k] if isinstance(row[k], str) else "" for k in ("estimand", "role"))
    return ": ".join(x for x in (kind[:1].upper() + kind[1:], role_words(role) if role else "", ", ".join(named)) if x)


def _known(frame: pd.DataFrame, labels: Sequence[str], spec: Spec | None) -> list[str]:
    known = list(dict.fromkeys(str(x) for x in frame["identification"].dropna() if x))
    out = [f"Identification: {' / '.join(known)}."] if known else []
    if "analysis" in frame:
        out.append(f"Analysis: {', '.join(dict.fromkeys(map(str, frame['analysis'])))}.")
    elif spec is None:
        out.append("The analysis is not named here: table(frame, spec=…) names it and its SHA-256.")
    return out


def _compared(frame: pd.DataFrame, spec: Spec | None, title: str) -> PaperTable:
    heads = ("elpd", "se", "Difference", "se of the difference", "Weight", "Failed")
    rows = []
    for name, row in zip(frame.index, frame.to_dict("records"), strict=True):
        numbers = [number(float(row[k])) for k in ("elpd", "se", "difference", "difference_se")]
        rows.append((str(name), *numbers, number(float(row["weight"]), digits=2), f"{int(row['failed'])}"))
    failed = int(frame["failed"].sum())
    notes = [
        f"GATES FAILED for {failed} folds or units: do not rely on these differences."
        if failed
        else "All gates passed: every fold or unit.",
        *(simulated_note([spec]) if spec else []),
        "elpd: sum of the log predictive densities of what was left out, higher is better; difference: to the first, "
        "with the standard error of unit-by-unit differences. Weight: in the mixture that predicts best (stacking); "
        "it is no probability that a model is true. A difference below 4, or below twice its standard error, says "
        "little.",
        *([spec_note(spec)] if spec else []),
    ]
    columns = (Column("Model", "label"), *(Column(h) for h in heads))
    made = title or _titled("Models by how well they predict", spec, bool(failed))
    return PaperTable(made, columns, (Rows("", tuple(rows)),), tuple(notes))


def _shares(frame: pd.DataFrame, spec: Spec | None, title: str) -> PaperTable:
    end = list(frame.columns).index("people")
    labels = [str(c) for c in frame.columns[:end]]
    shown = [k for k in _SHARES if frame[k].notna().any()]
    rows = []
    for row in frame.to_dict("records"):
        parts = [full_name(spec, str(row[k])) if spec else str(row[k]) for k in labels]
        people = f"{int(row['people']):,}" if row["people"] == row["people"] else NOTHING
        rows.append((", ".join(parts), people, *(_share(row, k) for k in shown)))
    bad = [str(s) for s in frame["status"] if s != "passed"]
    hidden = int(frame["people"].isna().sum())
    notes = [
        gate_note(list(dict.fromkeys(bad))),
        *(simulated_note([spec]) if spec else []),
        "Shares of the top answers with their intervals. Raw: as people answered; weighted: with survey weights; "
        "model: posterior mean; poststratified: of the population.",
        *([f"{hidden} rows of few people keep what they answered for themselves ({NOTHING})."] if hidden else []),
        *([pooled_words(spec), spec_note(spec)] if spec else []),
    ]
    columns = (Column("", "label"), Column("People"), *(Column(f"{k.capitalize()} (percent)") for k in shown))
    made = title or _titled("Shares side by side", spec, bool(bad))
    return PaperTable(made, columns, (Rows("", tuple(rows)),), tuple(notes))


def _share(row: Row, key: str) -> str:
    mean, low, high = (float(row[k]) for k in (key, f"{key}_lower", f"{key}_upper"))
    if mean != mean:
        return NOTHING
    return f"{number(mean)} [{number(low)}, {number(high)}]"


def _titled(what: str, spec: Spec | None, failed: bool) -> str:
    named = f"{what}: {spec.title or spec.name}" if spec else what
    simulated = spec is not None and spec.simulated and "simulated" not in named.lower()
    return ("GATES FAILED: " if failed else "") + ("SIMULATED: " if simulated else "") + named
