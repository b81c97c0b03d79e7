"""What the doors hand over: kept rows as a `Survey`, and the warnings that go with them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from .answers import answer_warnings, extreme_warnings
from .design_effect import weight_remarks
from .errors import DataWarning, IdentificationWarning
from .factors import label_array
from .intake import Rows, Said
from .labels import shown
from .sources import ANSWER_COLUMNS, CHOICE_SET, DATE, EXTRA, VALUE, WEIGHT, Survey
from .terms import FACTORS


def survey_of(rows: Rows, said: Said) -> Survey:
    """Return the kept rows as a `Survey`."""
    table = _table(rows, rows.keep).assign(answer=rows.answer.codes[rows.keep].astype(np.int64))
    order = [c for c in (*ANSWER_COLUMNS, *EXTRA, *rows.traits) if c in table]
    unsure = None if rows.unsure is None else _table(rows, rows.unsure).drop(columns=VALUE, errors="ignore")
    return Survey(table[order], said.answers, said.top, rows.report, unsure, said.slider)


def _table(rows: Rows, keep: np.ndarray) -> pd.DataFrame:
    """Return these rows as a table, without their answers."""
    person = np.full(int(keep.sum()), "", dtype=object)
    if rows.respondent is not None:
        person = np.array([*rows.respondent.labels, ""], dtype=object)[rows.respondent.codes[keep]]
    columns = {role: pd.Series(label_array(rows.factors[role], keep), dtype=object) for role in FACTORS}
    columns["count"] = pd.Series(rows.count[keep], dtype=np.int64)
    columns["respondent"] = pd.Series(person, dtype=object)
    if rows.weight is not None:
        columns[WEIGHT] = pd.Series(rows.weight[keep], dtype=float)
    if rows.value is not None:
        columns[VALUE] = pd.Series(rows.value[keep], dtype=float)
    if rows.date is not None:
        columns[DATE] = pd.Series(rows.date[keep])
    if rows.choice is not None:
        columns[CHOICE_SET] = pd.Series(label_array(rows.choice, keep), dtype=object)
    columns |= {name: pd.Series(label_array(coded, keep), dtype=object) for name, coded in rows.traits.items()}
    return pd.DataFrame(columns)


def add_up(survey: Survey) -> Survey:
    """Return the survey with one row per cell and answer, sorted by label; respondents are left out."""
    labels, kept = [*FACTORS, *survey.traits], [c for c in EXTRA if c in survey.table]

    def added(table: pd.DataFrame) -> pd.DataFrame:
        own = [c for c in (*labels, "answer", *kept) if c in table]
        sums = table.groupby(own, sort=True)["count"].sum().reset_index()
        sums = sums.astype(dict.fromkeys(labels, object))
        sums = sums.assign(respondent=pd.Series("", index=sums.index, dtype=object))
        return sums[[c for c in (*ANSWER_COLUMNS, *kept, *survey.traits) if c in sums]]

    unsure = None if survey.unsure is None else added(survey.unsure)
    return replace(survey, table=added(survey.table), unsure=unsure)


def remarks(rows: Rows, said: Said) -> Iterator[tuple[type[Warning], str]]:
    """Yield the warnings that go with the kept rows."""
    keep = rows.keep
    for text in (*rows.warnings, *answer_warnings(rows.answer, rows.count, said.answers, keep)):
        yield DataWarning, text
    for role, coded in rows.factors.items():
        if kept := [label for label in coded.observed() if label in said.missing]:
            yield DataWarning, f"{role}: {shown(kept)} is declared missing for answers, and kept as a label here"
    if said.slider is None:
        top = [i for i, answer in enumerate(said.answers) if answer in said.top]
        answer, count = rows.answer.codes[keep], rows.count[keep]
        for text in extreme_warnings(answer, count, rows.factors["country"], keep, len(said.answers), top):
            yield IdentificationWarning, text
    if rows.weight is not None:
        for text in weight_remarks(rows.weight[keep], rows.count[keep], rows.factors["country"], keep):
            yield DataWarning, text
    if people := rows.panel.people:
        text = f"{rows.panel.rows} rows of {people} respondents with several rows are treated as independent"
        unless = "unless the spec has a Respondent term" if rows.choice is None else "as if all had the same tastes"
        text += f", {unless}: intervals would be too narrow"
        if rows.weight is not None and rows.choice is None:
            text += "; weights do not go with that term yet → read without the weight, give the term and poststratify"
        yield IdentificationWarning, text
