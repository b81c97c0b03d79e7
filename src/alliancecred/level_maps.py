"""Levels of one source in the words of another: declared, and checked against the labels that are there."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from .errors import Problem, nearest, raise_predict
from .factors import label_array
from .labels import Coded, encode, shown

_NONE: Mapping[str, str] = {}


@dataclass(frozen=True)
class LevelMap:
    """What the labels of one source are called in the analysis: a question map.

    Several labels may become one (their people are added up); one cannot become several. Every label of the data has
    to be in the map, to itself if it stays.

    Parameters
    ----------
    key
        The factor or covariate of people it is about.
    labels
        Pairs: label of the source, label of the analysis.

    Examples
    --------
    >>> LevelMap("age", (("18-24", "under 35"), ("25-34", "under 35"), ("35+", "35 or over"))).targets
    ('under 35', '35 or over')
    """

    key: str
    labels: tuple[tuple[str, str], ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """The labels of the analysis, in order, once each."""
        return tuple(dict.fromkeys(to for _, to in self.labels))


def relabel(frame: pd.DataFrame, maps: Sequence[LevelMap], *, keys: Mapping[str, str] = _NONE) -> pd.DataFrame:
    """Return a frame whose labels are those of the analysis, for `read_survey`: the same maps as for a population.

    Parameters
    ----------
    frame
        Rows of people; not modified. Empty cells stay empty.
    maps
        One `LevelMap` per factor or covariate to be renamed.
    keys
        The column of each, where it has another name.

    Raises
    ------
    PredictError
        Listing every column that is not there and every label that is not mapped.

    Examples
    --------
    >>> people = pd.DataFrame({"q12": [1, 2, 3]})
    >>> degrees = LevelMap("degree", (("1", "no"), ("2", "no"), ("3", "yes")))
    >>> relabel(people, [degrees], keys={"degree": "q12"})["q12"].tolist()
    ['no', 'no', 'yes']
    """
    names = [str(c) for c in frame.columns]
    raise_predict(list(map_problems(maps)))
    problems: list[Problem] = []
    renamed = {}
    for level_map in maps:
        column = keys.get(level_map.key, level_map.key)
        if names.count(column) != 1:
            what = "no such column" if column not in names else "duplicate column names"
            problems.append(Problem("schema", column, f"{what} for {level_map.key}", (), nearest(column, names)))
            continue
        coded, wrong = encode(frame.iloc[:, names.index(column)], column)
        problems += wrong
        if coded is not None:
            mapped, unmapped = map_labels(coded, level_map)
            problems += unmapped
            labels = replace(mapped, labels=(*mapped.labels, None))  # type: ignore[arg-type]  # code -1: empty
            renamed[column] = pd.Series(label_array(labels, np.ones(len(frame), bool)), index=frame.index, dtype=object)
    raise_predict(problems)
    return frame.assign(**renamed)


def map_labels(coded: Coded, level_map: LevelMap) -> tuple[Coded, list[Problem]]:
    """Return a column in the labels of the analysis, or a problem that names the labels without one.

    Examples
    --------
    >>> coded = Coded("age", np.array([0, 1, 2]), ("18-24", "25-34", "35+"))
    >>> mapped, _ = map_labels(coded, LevelMap("age", (("18-24", "18-34"), ("25-34", "18-34"), ("35+", "35+"))))
    >>> mapped.labels, mapped.codes.tolist()
    (('18-34', '35+'), [0, 0, 1])
    """
    to = dict(level_map.labels)
    unmapped = [i for i, label in enumerate(coded.labels) if label not in to]
    if unmapped:
        first = coded.labels[unmapped[0]]
        message = f"not in the map of {level_map.key}: {shown(coded.labels[i] for i in unmapped)}; it has {shown(to)}"
        remedy = f"map every label, to itself if it stays ({nearest(first, list(to))})"
        return coded, [Problem("level", coded.column, message, coded.rows(unmapped), remedy)]
    labels = tuple(dict.fromkeys(to[label] for label in coded.labels))
    place = {label: i for i, label in enumerate(labels)}
    move = np.array([*(place[to[label]] for label in coded.labels), -1], dtype=np.int64)
    return Coded(coded.column, move[coded.codes], labels), []


def map_notes(coded: Coded, level_map: LevelMap) -> Iterator[str]:
    """Yield what a map did to the labels that were there, and which it names in vain."""
    to = dict(level_map.labels)
    became: dict[str, list[str]] = {}
    for label in coded.labels:
        became.setdefault(to[label], []).append(label)
    for target, own in became.items():
        if len(own) > 1:
            yield f"{level_map.key}: {shown(own)} are added up as {target!r}"
    if absent := [label for label in to if label not in coded.labels]:
        yield f"{level_map.key}: the map names {shown(absent)}, which no row has"


def map_problems(maps: Sequence[LevelMap], keys: Collection[str] | None = None) -> Iterator[Problem]:
    """Yield what is wrong with maps by themselves, and those of none of ``keys``."""
    seen: set[str] = set()
    for level_map in maps:
        where = f"LevelMap({level_map.key!r})"
        if level_map.key in seen:
            yield Problem("schema", where, "two maps of one key", (), "put them into one")
        if keys is not None and level_map.key not in keys:
            yield Problem("schema", where, "no such key", (), nearest(level_map.key, list(keys)))
        seen.add(level_map.key)
        if not level_map.labels:
            yield Problem("level", where, "is empty", (), "pairs: label of the source, label of the analysis")
        if odd := [x for pair in level_map.labels for x in pair if not isinstance(x, str) or not x.strip()]:
            yield Problem(
                "level", where, f"labels are text that is not empty, got {shown(odd)}", (), "write '1', not 1"
            )
            continue
        targets: dict[str, set[str]] = {}
        for label, to in level_map.labels:
            targets.setdefault(label, set()).add(to)
        for label, several in targets.items():
            if len(several) > 1:
                remedy = (
                    "people of one kind cannot be told apart afterwards; map the other source to the coarser labels"
                )
                yield Problem("level", where, f"{label!r} becomes {shown(sorted(several))}", (), remedy)
