"""Cards and lines of data: surveys, published shares, cells, simulated surveys."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..markup import Html
from ..summaries import number
from ..wording import data_words
from .pieces import answers_words, card, grid, says

if TYPE_CHECKING:
    from ..cells import Cells
    from ..simulation import Simulated
    from ..sources import DataReport, Survey, Toplines

_MOST_COLUMNS = 10


def _pivot(table: pd.DataFrame, size: "pd.Series[int] | np.ndarray", what: str) -> Html:
    """How many, country by wave."""
    frame = pd.DataFrame({k: table[k].to_numpy(dtype=object) for k in ("country", "wave")}).assign(n=np.asarray(size))
    counts = frame.groupby(["country", "wave"], sort=False)["n"].sum().unstack(fill_value=0)
    waves = list(counts.columns)[:_MOST_COLUMNS]
    rows = [[str(c) or "all", *(f"{int(counts.loc[c, w]):,}" for w in waves)] for c in counts.index]
    cut = f" (first {len(waves)} of {counts.shape[1]} waves)" if len(waves) < counts.shape[1] else ""
    return grid([f"{what}{cut}", *(str(w) or "one wave" for w in waves)], rows)


def _report(report: "DataReport") -> Html:
    rows = [[x.action, x.what, f"{x.count:,}"] for x in report.lines]
    return grid([report.source, "", "rows"], rows, left=2)


def survey_line(survey: "Survey") -> str:
    """Return a survey in a few lines."""
    table = survey.table
    levels = {k: int(table[k].nunique()) for k in ("country", "ally", "wave", "population")}
    many = ", ".join(f"{n} {_plural(k, n)}" for k, n in levels.items())
    gone = survey.report.total("excluded")
    left = f"; {gone:,} rows left out" if gone else ""
    return (
        f"<Survey: {int(table['count'].sum()):,} answers, {many}{left}>\n  {answers_words(survey.answers, survey.top)}"
    )


def _plural(word: str, n: int) -> str:
    return word if n == 1 else {"country": "countries", "ally": "allies"}.get(word, f"{word}s")


def survey_card(survey: "Survey") -> str:
    """Return a survey as a card: answers, how many where and when, what was left out and why."""
    total = int(survey.table["count"].sum())
    return card(
        f"Survey of {total:,} answers",
        says(answers_words(survey.answers, survey.top)),
        _pivot(survey.table, survey.table["count"], "answers"),
        _report(survey.report),
    )


def toplines_line(shares: "Toplines") -> str:
    """Return published percentages in a few lines."""
    what = "means" if shares.rating is not None else "shares"
    return f"<Toplines: {len(shares)} published {what}>\n  {answers_words(shares.answers, shares.top)}"


def toplines_card(shares: "Toplines") -> str:
    """Return published percentages as a card."""
    rows = [
        [t.labels.get("country", ""), t.labels.get("ally", ""), t.labels.get("wave", ""), ", ".join(t.published)]
        for t in shares.rows
    ]
    return card(
        f"{len(shares)} published {'means' if shares.rating is not None else 'shares'}",
        says(answers_words(shares.answers, shares.top)),
        grid(["country", "ally", "wave", "as published"], rows, left=3),
        _report(shares.report),
    )


def cells_line(cells: "Cells") -> str:
    """Return cells in a few lines."""
    levels = "; ".join(f"{k}: {len(v)}" for k, v in cells.levels.items() if v != ("",))
    return f"<Cells: {data_words(cells)}; {levels}>"


def cells_card(cells: "Cells") -> str:
    """Return cells as a card: levels, and people by country and wave."""
    levels = [[k, ", ".join(v[:30]) + (" …" if len(v) > 30 else "")] for k, v in cells.levels.items() if v != ("",)]
    what = "people (expected, of published shares)" if cells.toplines else "answers"
    what += ", weighted to effective sizes" if cells.unweighted is not None else ""
    return card(
        f"{len(cells.counts):,} cells, {len(cells.toplines)} published shares",
        grid(["factor", "levels"], levels, left=2),
        _pivot(cells.labels(), cells.size, what),
    )


def simulated_line(made: "Simulated") -> str:
    """Return a simulated survey in a few lines."""
    return f"<Simulated {made.truth.spec.name}: the truth is known (.truth)\n{made.survey!r}>"


def simulated_card(made: "Simulated") -> str:
    """Return a simulated survey as a card: its data, and the true value of every scalar."""
    truth = made.truth.idata["posterior"].to_dataset().isel(chain=0, draw=0)
    rows = []
    for name, array in truth.data_vars.items():
        if array.size <= 3:
            for place, value in np.ndenumerate(array.values):
                labels = ", ".join(str(array[d].values[i]) for d, i in zip(array.dims, place, strict=True))
                rows.append([f"{name}{f'[{labels}]' if labels else ''}", number(float(value), digits=2)])
    data = made.survey._repr_html_()
    return card(
        f"Simulated survey of {made.truth.spec.name}", Html(data), grid(["true value of", ""], rows), simulated=True
    )
