"""Files of the ATOP data (Leeds, Ritter, Mitchell & Long 2002) as pledges of one state to another, year by year."""

from pathlib import Path

import numpy as np
import pandas as pd

from .errors import Problem, SchemaError
from .labels import numeric

PLEDGES = ("defense", "offense", "neutral", "nonagg", "consul")
YEARS = (1600, 2200)  # in which there can be an alliance
MOST_STATES = 10_000  # numbers of states, and years, are below


def read_atop(path: Path) -> pd.DataFrame:
    """Return a file of ATOP as it is."""
    try:
        return pd.read_csv(path, low_memory=False)
    except (OSError, ValueError) as error:  # a broken table is a ValueError of pandas
        raise SchemaError([Problem("schema", path.name, f"cannot be read: {error}")]) from error


def pairs_of(atop: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return directed pairs of states with their pledges by year, and how many rows lacked a number."""
    years, dropped = ["ccode1", "ccode2", "year"], 0
    if twice := sorted({str(c) for c in atop.columns[atop.columns.duplicated()]}):
        raise SchemaError([Problem("schema", "", f"duplicate column names {twice[:5]}")])
    if {*years, *(f"atop_{p}" for p in PLEDGES)} <= set(atop.columns):
        table = atop[[*years, *(f"atop_{p}" for p in PLEDGES)]].rename(columns={f"atop_{p}": p for p in PLEDGES})
    elif {"begyr", "endyr", "mem1", *PLEDGES} <= set(atop.columns):
        table, dropped = _from_alliances(atop)
    else:
        raise SchemaError(
            [
                Problem(
                    "schema",
                    "",
                    "this is neither the dyad-years (ccode1, ccode2, year, atop_defense, …) nor the alliances "
                    "(begyr, endyr, defense, …, mem1, …) of ATOP 5",
                    (),
                    f"its columns begin {[str(c) for c in atop.columns[:5]]}",
                )
            ]
        )
    numbers = pd.DataFrame({c: _numbers(table[c]) for c in table})
    numbers[years] = numbers[years].where(_whole(numbers[years]))
    kept = numbers.dropna()
    if kept.empty:
        raise SchemaError([Problem("schema", "", "no row of the file has all its numbers", (), "a file of ATOP 5?")])
    whole = kept.groupby(years, as_index=False)[list(PLEDGES)].max()
    return whole.astype({c: "int64" for c in years}), int(dropped + len(numbers) - len(kept))


def _from_alliances(atop: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Spread alliances over their years and ordered pairs of members; endyr 0 is in force when the data end."""
    members = [c for c in atop.columns if isinstance(c, str) and c.startswith("mem") and c[3:].isdecimal()]
    table = pd.DataFrame({c: _numbers(atop[c]) for c in ("begyr", "endyr", *PLEDGES, *members)})
    usable = _whole(table["begyr"]) & (_whole(table["endyr"]) | (table["endyr"] == 0))
    usable &= table["begyr"].between(*YEARS) & (table["endyr"].between(*YEARS) | (table["endyr"] == 0))
    table = table[usable]
    last = int(table[["begyr", "endyr"]].to_numpy().max(initial=0.0))
    rows = []
    for row in table.to_dict("records"):
        states = [int(row[m]) for m in members if 0 < row[m] < MOST_STATES]
        end = int(row["endyr"]) or last
        pledges = [row[p] for p in PLEDGES]
        rows += [(a, b, y, *pledges) for y in range(int(row["begyr"]), end + 1)
                 for a in states for b in states if a != b]  # fmt: skip
    return pd.DataFrame(rows, columns=["ccode1", "ccode2", "year", *PLEDGES]), len(atop) - len(table)


def _numbers(series: pd.Series) -> np.ndarray:
    """Return a column as float; a file that pandas read may have it as text."""
    found = numeric(series)
    return np.where(np.isfinite(found), found, np.nan)


def _whole(numbers: pd.DataFrame | pd.Series) -> pd.DataFrame | pd.Series:
    return (numbers == numbers.round()) & (numbers.abs() < MOST_STATES)
