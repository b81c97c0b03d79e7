"""What a figure of many specifications says: which effect, of what outcome, and which fits failed."""

import pandas as pd

from ..spec import Spec
from ..summaries import in_sentences
from .page import interval_words, shorten_words
from .rows import HEADINGS

DIFFERENCE = ("percentage points", "scale points")
FAILED = " †"
_WHERE = ("country", "ally", "target", "wave", "population")


def effect_words(frame: pd.DataFrame, spec: Spec | None) -> str:
    """Return what all estimates of a frame have in common: which effect, where.

    Examples
    --------
    >>> frame = pd.DataFrame({"estimand": "shift", "role": ["sender", "other"], "country": "DE", "mean": 1.0})
    >>> effect_words(frame, None), effect_words(frame[:1], None)
    ('Shift, DE', 'Sender: first-order effect, DE')
    """
    known = frame[frame["mean"].notna()]
    same = {k: str(known[k].iloc[0]) for k in ("estimand", "role", *_WHERE) if k in known and known[k].nunique() == 1}
    estimand = same.get("estimand", "").replace("_", " ")
    effect = HEADINGS.get(same.get("role", ""), "") or f"{estimand[:1].upper()}{estimand[1:]}"
    places = [v if spec is None else spec.label(v) for k, v in same.items() if k in _WHERE]
    return ", ".join(x for x in (effect, *places) if x)


def outcome_words(frame: pd.DataFrame, spec: Spec) -> str:
    """Return the declared outcome in words; nothing if the estimand asks for another, or it cannot be known."""
    known = frame[frame["mean"].notna()]
    units = set(known["unit"])
    if units <= {"scale points", "points"}:
        return "Outcome: mean answer"
    names = set(map(str, known["estimand"])) if "estimand" in known else set()
    other = any((e.name or e.of) in names and e.answer != "top" for e in spec.estimands)
    if other or not units <= {"percent", "percentage points"} or spec.rating is not None or spec.gaussian is not None:
        return ""
    return "Outcome as declared: share that answered " + " or ".join(f"“{a}”" for a in spec.top)


def caption_of(frame: pd.DataFrame, table: pd.DataFrame, spec: Spec | None, source: str, *, crossed: bool) -> str:
    """Return the caption of a figure of many specifications: ``frame`` as given, ``table`` as drawn."""
    intervals = interval_words(float(frame["prob"].dropna().iloc[0]), "eti")
    gone = list(dict.fromkeys(table.loc[table["mean"].isna(), "specification"]))
    reference = table.loc[table["is_reference"], "specification"]
    labels = [x for x in dict.fromkeys(frame.get("identification", pd.Series(dtype=str)).dropna()) if x]
    bad = table.loc[(table["status"] != "passed") & table["mean"].notna(), "specification"].nunique()
    more = f" and {len(gone) - 5} more" if len(gone) > 5 else ""
    size, how = table["specification"].nunique(), " (crosses)" if crossed else f" ({FAILED.strip()})"
    parts = [
        f"Dots: posterior means; bars: {intervals}",
        f"Shown: {effect_words(frame, spec)}" if table["panel"].nunique() > 1 else "",
        outcome_words(frame, spec) if spec is not None else "",
        "Dark: the interval is on one side of zero" if crossed and table["unit"].iloc[0] in DIFFERENCE else "",
        ("Orange: " if crossed else "Grey band: ") + f"{reference.iloc[0]}" if len(reference) else "",
        "Below: what each specification is made of (filled squares)" if crossed else "",
        f"Without an estimate: {'; '.join(gone[:5])}{more}" if gone else "",
        f"{bad} of {size} fits failed a gate{how}" if bad else "",
        f"Identification: {', '.join(map(str, labels))}" if labels else "",
        f"Source: {shorten_words(source, 240)}" if source.strip() else "",
    ]
    return in_sentences(parts)
