"""What can be left out: answers, people, choices, published shares, all of a level; each with its likelihood."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.special import log_expit

from .cells import Cells
from .choices import Choices
from .density import cut_group, data_arrays
from .design import SD_RESPONDENT
from .errors import Problem, SpecError
from .fitting import Fit
from .kernel import pattern_logs
from .outcome import multinomial_constant
from .prediction import answer_logs, grouped_cuts, row_log_likelihood
from .predictive import family_of
from .predictor import linear_predictor
from .respondents import People, shared_products, with_rows

ANSWER, RESPONDENT = "answer", "respondent"
AT_ONCE = 10_000_000  # log likelihoods held at once
_VERSUS = " or "  # between the labels of two profiles
_Block = tuple[pd.DataFrame, np.ndarray, np.ndarray]  # labels and times of units, log likelihood (draws, units)


def blocks(fit: Fit, draws: Mapping[str, np.ndarray], what: str, factors: Sequence[str]) -> Iterator[_Block]:
    """Yield units, so many at a time that memory stays small; ``factors`` leaves out all of a level together."""
    cells, n = fit.cells, len(fit.cells.counts)
    size = len(next(iter(draws.values())))
    labels = cells.labels()
    if factors:
        yield of_levels(fit, draws, factors)
        return
    if what == RESPONDENT:
        yield from _of_people(fit, draws, max(1, AT_ONCE // size))
    elif cells.choices is not None:
        yield _of_choices(fit, draws, cells.choices, labels)
    elif family_of(fit.spec) != "answers":
        yield labels.assign(answer=""), np.ones(len(labels)), _in_order(fit, draws)
    else:
        step = max(1, AT_ONCE // (size * fit.design.answers))
        for start in range(0, n, step):
            part = np.arange(start, min(start + step, n))
            row, answer = np.nonzero(cells.counts[part])
            said = np.array(fit.spec.answers, dtype=object)[answer]
            logs = answer_logs(fit.design, cells.rows.take(part), draws)[:, row, answer]
            yield labels.iloc[part[row]].assign(answer=said), cells.counts[part][row, answer], logs
    if cells.toplines:
        names = [" + ".join(fit.spec.answers[k] for k in t.groups[0]) for t in cells.toplines]
        published = _in_order(fit, draws)[:, n:]
        yield labels.iloc[n:].assign(answer=names), np.ones(len(names)), published


def _in_order(fit: Fit, draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return log P(what each row holds) as `row_log_likelihood`, of answers one after the other, (draws, rows)."""
    cells, out = fit.cells, row_log_likelihood(fit.design, fit.cells, draws)
    orders = multinomial_constant(cells.parts)
    at = np.arange(len(orders)) if cells.choices is None else cells.choices.left
    return np.asarray(out - np.bincount(at, orders, minlength=out.shape[1]))


def _of_choices(fit: Fit, draws: Mapping[str, np.ndarray], choices: Choices, labels: pd.DataFrame) -> _Block:
    more = choices.contrast(linear_predictor(fit.design, fit.cells.rows, draws).T).T
    pair, chosen = np.nonzero(choices.counts)
    logs = log_expit(np.where(chosen == 1, 1.0, -1.0) * more[:, pair])
    left, right = (labels.iloc[side[pair]].reset_index(drop=True) for side in (choices.left, choices.right))
    both = pd.DataFrame({f: np.where(left[f] == right[f], left[f], left[f] + _VERSUS + right[f]) for f in labels})
    named = both.assign(answer=np.where(chosen == 1, "the first", "the second"))
    return named, choices.counts[pair, chosen], logs


# --- people ---------------------------------------------------------------------------------------
def _of_people(fit: Fit, draws: Mapping[str, np.ndarray], step: int) -> Iterator[_Block]:
    people = whole_people(fit.cells)
    labels = fit.cells.labels()
    for start in range(0, len(people), step):
        some = some_people(people, np.arange(len(people))[start : start + step])
        yield _named(fit, some, labels), some.times, logs_of_people(fit, draws, some)


def whole_people(cells: Cells) -> People:
    """Return the patterns of all people, each with its own answers."""
    if cells.people is None:
        raise SpecError([Problem("panel", "people", "nobody is known", (), "a Respondent term")])
    return with_rows(cells.people, np.ones(len(cells.rows)))


def some_people(people: People, index: np.ndarray) -> People:
    """Return the patterns at ``index``."""
    length = np.diff(people.start)[index]
    entry = np.concatenate([np.arange(people.start[p], people.start[p + 1]) for p in index])
    start = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    return People(start, people.row[entry], people.answer[entry], people.times[index])


def _named(fit: Fit, people: People, labels: pd.DataFrame) -> pd.DataFrame:
    """Return the factors in which all questions of a person agree, and the others with the answers, in words."""
    out = []
    names = labels.to_numpy(dtype=object)
    for first, last in zip(people.start[:-1], people.start[1:], strict=True):
        own = names[people.row[first:last]]
        same = (own == own[0]).all(0)
        said = [", ".join(x for x in row[~same] if x) for row in own]
        answers = [fit.spec.answers[k] for k in people.answer[first:last]]
        words = sorted(f"{q}: {a}" if q else a for q, a in zip(said, answers, strict=True))
        out.append([*np.where(same, own[0], ""), "; ".join(words)])
    return pd.DataFrame(out, columns=[*labels.columns, "answer"], dtype=object)


def logs_of_people(fit: Fit, draws: Mapping[str, np.ndarray], people: People) -> np.ndarray:
    """Return log P(all answers of a person), whose deviation is integrated out, (draws, patterns)."""
    design, cells = fit.design, fit.cells
    sd = np.asarray(draws[SD_RESPONDENT], dtype=float).ravel()
    eta = linear_predictor(design, cells.rows, draws)
    cuts, group = grouped_cuts(design, draws, len(eta)), cut_group(design, cells.rows)
    products = shared_products(people, len(cells.rows), cells.parts.shape[1])
    data = data_arrays(cells, spread=float(sd.max(initial=0.0)))._replace(
        left=products.left, right=products.right, start=products.start, factor=products.factor,
        times=people.times.astype(float),
    )  # fmt: skip
    return np.stack([pattern_logs(eta[s], cuts[s], group, sd[s], data)[0] for s in range(len(eta))])


# --- levels of factors ----------------------------------------------------------------------------
def of_levels(fit: Fit, draws: Mapping[str, np.ndarray], factors: Sequence[str]) -> _Block:
    """Return one unit per level: log P(all that is in it), of people given their other answers."""
    labels, cells = fit.cells.labels()[list(factors)], fit.cells
    found, level = np.unique(labels.astype(str).agg("\x1f".join, axis=1).to_numpy(dtype=str), return_inverse=True)
    if len(found) < 2:
        message = f"{' and '.join(factors)} has one level: leaving it out leaves nothing"
        raise SpecError([Problem("level", factors[0], message)])
    if (choices := cells.choices) is not None and (level[choices.left] != level[choices.right]).any():
        message = "the two profiles of a choice differ in it: no level can be left out"
        raise SpecError([Problem("level", ", ".join(factors), message, (), "by='answer'")])
    by_row = _in_order(fit, draws)
    if cells.people is not None:
        by_row[:, : len(cells.counts)] = 0.0
    member = sp.csr_array((np.ones(len(level)), (level, np.arange(len(level)))), shape=(len(found), len(level)))
    logs = np.asarray((member @ by_row.T).T)
    if cells.people is not None:
        for k in range(len(found)):
            logs[:, k] += _answers_given_others(fit, draws, level == k)
    named = pd.DataFrame([text.split("\x1f") for text in found], columns=list(factors), dtype=object)
    return named, np.ones(len(found)), logs


def _answers_given_others(fit: Fit, draws: Mapping[str, np.ndarray], inside: np.ndarray) -> np.ndarray:
    """Return log P(answers to the rows inside | the other answers of the same people), (draws,)."""
    people = whole_people(fit.cells)
    hit = np.unique(people.person[inside[people.row]])
    if not len(hit):
        return np.zeros(len(draws[SD_RESPONDENT]))
    touched = some_people(people, hit)
    rest = with_rows(touched, ~inside)
    total = logs_of_people(fit, draws, touched) @ touched.times
    return np.asarray(total - logs_of_people(fit, draws, rest) @ rest.times if len(rest) else total)
