"""Treaty obligations between a respondent's country and the ally it judges, from ATOP files the user has."""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from .atop import PLEDGES, pairs_of, read_atop
from .catalogue import pacts
from .covariates import make_covariate, texts_of, there_once
from .declared import Covariate
from .errors import DataWarning, Problem, SchemaError, SpecError, raise_data
from .events import Wave

_YEAR = re.compile(r"\d{1,4}\Z", re.ASCII)
STATUSES = ("treaty", "no treaty", "unknown", "after the data end", "self")
# Correlates of War numbers of states in surveys of this field; NATO's members as in `pacts`
COW: Mapping[str, int] = MappingProxyType(
    {
        "US": 2, "CA": 20, "UK": 200, "GB": 200, "NL": 211, "BE": 210, "LU": 212, "FR": 220, "ES": 230, "PT": 235,
        "DE": 255, "PL": 290, "AT": 305, "HU": 310, "CZ": 316, "SK": 317, "IT": 325, "AL": 339, "ME": 341, "MK": 343,
        "HR": 344, "SI": 349, "GR": 350, "BG": 355, "RO": 360, "RU": 365, "EE": 366, "LV": 367, "LT": 368, "UA": 369,
        "FI": 375, "SE": 380, "NO": 385, "DK": 390, "IS": 395, "TR": 640, "IL": 666, "CN": 710, "TW": 713, "KP": 731,
        "KR": 732, "JP": 740, "IN": 750, "TH": 800, "PH": 840, "AU": 900, "NZ": 920,
    }
)  # fmt: skip
_NATO = {
    "Belgium": 210, "Canada": 20, "Denmark": 390, "France": 220, "Iceland": 395, "Italy": 325, "Luxembourg": 212,
    "Netherlands": 211, "Norway": 385, "Portugal": 235, "United Kingdom": 200, "Greece": 350, "Turkey": 640,
    "Germany": 255, "Spain": 230, "Czechia": 316, "Hungary": 310, "Poland": 290, "Bulgaria": 355, "Estonia": 366,
    "Latvia": 367, "Lithuania": 368, "Romania": 360, "Slovakia": 317, "Slovenia": 349, "Albania": 339, "Croatia": 344,
    "Montenegro": 341, "North Macedonia": 343, "Finland": 375, "Sweden": 380,
}  # fmt: skip


@dataclass(frozen=True)
class Treaties:
    """Obligations by respondent country, ally and wave.

    Parameters
    ----------
    table
        Columns ``country, ally, wave, year``, the pledges ``defense, offense, neutral, nonagg, consul`` (1, 0, or
        missing) and ``status``: ``treaty``; ``no treaty`` (both states are in the data in that year, their pair has
        none); ``unknown`` (a label without a state number, or a state that the data do not have in that year);
        ``after the data end``; ``self`` (a country and itself).
    notes
        What a reader must know.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]

    def covariate(self, pledge: str = "defense", *, unknown: float | None = None, same: float = 0.0) -> Covariate:
        """Return a pledge as a covariate of country, ally and wave.

        Parameters
        ----------
        pledge
            One of ``defense, offense, neutral, nonagg, consul``.
        unknown
            Value where the status is ``unknown`` or ``after the data end``; None refuses such rows.
        same
            Value where a country judges itself.

        Raises
        ------
        SpecError
            If the pledge is not one of these.
        DataError
            If a status is unknown and nothing was declared for it.
        """
        if pledge not in PLEDGES:
            raise SpecError(f"no pledge {pledge!r}: one of {', '.join(PLEDGES)}")
        value = self.table[pledge].astype(float).where(self.table["status"] != "self", same)
        open_ = self.table["status"].isin(["unknown", "after the data end"])
        if unknown is not None:
            value = value.where(~open_, unknown)
        elif open_.any():
            pairs = (self.table["country"] + " × " + self.table["ally"] + ", " + self.table["wave"])[open_]
            found = "; ".join(f"{n} {s}" for s, n in self.table.loc[open_, "status"].value_counts().items())
            raise_data(
                [
                    Problem(
                        "schema",
                        pledge,
                        f"{found}: {pairs.head(5).tolist()}",
                        tuple(np.flatnonzero(open_)[:5].tolist()),
                        "say what they count as: covariate(unknown=...), or leave these rows out",
                    )
                ]
            )
        return make_covariate(
            f"treaty_{pledge}", self.table.assign(value=value), by=("country", "ally", "wave"), value="value",
            source="ATOP 5 (Leeds, Ritter, Mitchell & Long 2002)",
        )  # fmt: skip


def join_atop(
    frame: pd.DataFrame,
    atop: str | Path | pd.DataFrame,
    *,
    waves: Sequence[Wave] = (),
    codes: Mapping[str, int] = COW,
    carry_forward: bool = False,
) -> Treaties:
    """Return what each ally has promised to each respondent country by treaty, in the year of each wave.

    The source is a file of the ATOP data (Leeds, Ritter, Mitchell & Long 2002): the directed dyad-years (columns
    ``ccode1, ccode2, year, atop_defense, …``; the promise is that of the first state), or the alliances (``atopid,
    begyr, endyr, defense, …, mem1, mem2, …``). The latter do not say who promised what, nor when a state acceded: a
    member counts from the first year of its alliance, and with all its pledges.

    Parameters
    ----------
    frame
        Columns ``country``, ``ally`` and ``wave`` (as in ``fit.cells.labels()`` or ``survey.table``).
    atop
        The file (CSV, also packed), or its frame.
    waves
        The waves with their dates; a wave stands for the year it started in. Without them, a wave's label is its year.
    codes
        Label → Correlates of War number; default common two-letter codes.
    carry_forward
        Whether years after the data end take the obligations of the last year in them; said in the notes.

    Returns
    -------
    Treaties

    Raises
    ------
    SchemaError
        If the file is neither of the two, a column of ``frame`` is missing, or a wave has no year.

    Warns
    -----
    DataWarning
        For each of ``notes``: labels without a number, years after the data end, and members of NATO, whose
        obligations to each other are one and the same in ATOP.

    Examples
    --------
    >>> frame = pd.DataFrame({"country": ["PL", "PL"], "ally": ["US", "CN"], "wave": ["2015", "2015"]})
    >>> atop = pd.DataFrame({"ccode1": [2, 710], "ccode2": [290, 731], "year": [2015, 2015], "atop_defense": [1, 1],
    ...                      "atop_offense": 0, "atop_neutral": 0, "atop_nonagg": 1, "atop_consul": 1})
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     join_atop(frame, atop).table["status"].tolist()
    ['treaty', 'no treaty']
    """
    columns = ("country", "ally", "wave")
    raise_data(there_once(frame, columns))
    labels = {c: texts_of(frame[c], c) for c in columns}
    raise_data([p for _, wrong in labels.values() for p in wrong])
    out = pd.DataFrame({c: texts for c, (texts, _) in labels.items()}, dtype=object)
    out = out.drop_duplicates(ignore_index=True)
    out["year"] = _years(out["wave"], waves)
    read = atop if isinstance(atop, pd.DataFrame) else read_atop(Path(atop))
    (pairs, dropped), dated_by_alliance = pairs_of(read), "begyr" in read.columns
    first, last = int(pairs["year"].min()), int(pairs["year"].max())
    taken = out["year"].clip(upper=last) if carry_forward else out["year"]
    keyed = out.assign(
        one=out["country"].map(codes).astype("Int64"), two=out["ally"].map(codes).astype("Int64"), at=taken
    )
    # the promise is the ally's
    joined = keyed.merge(pairs, left_on=["two", "one", "at"], right_on=["ccode1", "ccode2", "year"], how="left",
                         suffixes=("", "_atop"))  # fmt: skip
    present = {pair for c in ("ccode1", "ccode2") for pair in zip(pairs[c], pairs["year"], strict=True)}
    here = np.array(
        [
            pd.notna(a) and pd.notna(b) and (int(a), int(t)) in present and (int(b), int(t)) in present
            for a, b, t in zip(keyed["one"], keyed["two"], keyed["at"], strict=True)
        ],
        dtype=bool,
    )
    bound = joined["defense"].notna().to_numpy() & (joined[list(PLEDGES)].sum(axis=1).to_numpy() > 0)
    status = np.select(
        [
            (out["country"] == out["ally"]).to_numpy(),
            bound,
            (keyed["at"] > last).to_numpy(),
            here & (keyed["at"] >= first).to_numpy(),
        ],
        ["self", "treaty", "after the data end", "no treaty"],
        "unknown",
    )
    for pledge in PLEDGES:
        value = joined[pledge].to_numpy(dtype=float)
        out[pledge] = np.select([status == "treaty", status == "no treaty"], [value, 0.0], np.nan)
    out["status"] = status
    notes = tuple(_notes(out, keyed, last, carry_forward))
    if dropped:
        notes += (f"{dropped} pairs of states and years lack a number in the file and were left out",)
    if dated_by_alliance:
        notes += (
            "the file of alliances says neither who promised what nor when states acceded: each member counts "
            "from its first year, with all its pledges",
        )
    for note in notes:
        warnings.warn(note, DataWarning, stacklevel=2)
    return Treaties(out, notes)


def _years(wave: pd.Series, waves: Sequence[Wave]) -> pd.Series:
    known = {w.name: w.start.year for w in waves}
    years = wave.map(known if known else {w: int(w) for w in set(wave) if _YEAR.match(w)})
    bad = sorted(set(wave[years.isna()]))
    if bad:
        raise SchemaError(
            [Problem("schema", "wave", f"no year for {bad[:5]}", (), "give waves=(Wave(name, start, end), …)")]
        )
    return years.astype(int)


def _notes(out: pd.DataFrame, keyed: pd.DataFrame, last: int, carried: bool) -> list[str]:
    notes = []
    without = sorted(set(out["country"][keyed["one"].isna()]) | set(out["ally"][keyed["two"].isna()]))
    if without:
        notes.append(
            f"no Correlates of War number for {', '.join(without[:8])}: status unknown → codes={{label: number}}"
        )
    late = sorted(set(out["year"][out["year"] > last]))
    if late:
        words = f"taken from {last}" if carried else "left open"
        notes.append(f"ATOP ends in {last}: obligations in {', '.join(map(str, late))} are {words}")
    members = {p.partner: p.start for p in pacts() if p.pact == "NATO"}
    since = {2: 1949} | {_NATO[k]: start for k, start in members.items()}
    inside = [
        a in since and b in since and max(since[int(a)], since[int(b)]) <= y and c != d
        for a, b, y, c, d in zip(keyed["one"], keyed["two"], out["year"], out["country"], out["ally"], strict=True)
    ]
    if sum(inside) > 1:
        notes.append(
            f"{sum(inside)} of {len(out)} rows are pairs of NATO members: their obligations are one treaty in ATOP "
            "(3180), which cannot tell them apart"
        )
    return notes
