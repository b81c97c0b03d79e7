"""The list of bad inputs: what each is, and how a test says which of them it shows."""

import re
from collections.abc import Iterable
from typing import Any

import pytest

LIST = {
    # shape and columns of a table
    1: "no rows", 2: "a column that is missing", 3: "two columns of one name", 4: "names that differ by case or blanks",
    5: "something that is no pandas frame", 6: "an index that holds data", 7: "index values that repeat",
    8: "an empty column", 9: "text beside numbers", 10: "labels that look the same", 11: "labels with odd characters",
    12: "a label of 300 characters", 13: "labels that look like numbers",
    # answers
    14: "two answers coded 1 and 2", 15: "two answers, none of them credible", 16: "everybody answers the same",
    17: "a country at 0 or 100 %", 18: "per cents for answers or counts", 19: "proportions for per cents",
    20: "per cents that do not add up", 21: "more successes than trials", 22: "fractional counts",
    23: "negative counts", 24: "nobody asked", 25: "answers that are missing", 26: "infinite answers",
    27: "answers without an order", 28: "an answer that was not declared", 29: "an answer that nobody gave",
    30: "a scale the wrong way round", 31: "don't know inside the scale", 32: "codes with gaps", 33: "negative codes",
    34: "one answer only", 35: "an ordered scale of two answers", 36: "answers of other types", 37: "99 for missing",
    # groups
    38: "one country", 39: "two to five levels", 40: "one ally, one wave", 41: "declared levels that nobody has",
    42: "no country or ally", 43: "countries that judge themselves", 44: "countries that share no ally",
    45: "every country with an ally of its own", 46: "one id in two countries", 47: "an effect for every row",
    48: "10,000 levels", 49: "groups as numbers or text",
    # waves and time
    50: "w1, w10, w2", 51: "dates as 13.01.2025", 52: "times with zones", 53: "a signal inside a wave",
    54: "a signal before or after all waves", 55: "one wave with two dates", 56: "a country absent after the signal",
    57: "periods, intervals, NaT",
    # panels
    58: "the same question twice", 59: "a panel taken for independent", 60: "drop-out by what was answered",
    61: "people who change population", 62: "one row per respondent",
    # elites
    63: "one population only", 64: "populations as 0 and 1", 65: "few elites in a cell",
    66: "weights for the public only",
    # weights
    67: "negative weights", 68: "missing weights", 69: "infinite weights", 70: "weights of 0",
    71: "weights that sum to a population", 72: "whole-numbered weights", 73: "very uneven weights",
    74: "weights with decimal commas",
    # experiments
    75: "an arm missing in a country", 76: "an attribute that does not vary within people", 77: "arms out of balance",
    78: "no baseline", 79: "combinations never shown",
    # poststratification
    80: "people of a kind nobody asked", 81: "people of a kind the table lacks", 82: "impossible sizes, repeated cells",
    83: "a table in another coding", 84: "people lost in a merge",
}  # fmt: skip


def numbers_of(name: str) -> tuple[int, ...]:
    """The numbers a test's id begins with.

    >>> numbers_of("21-23-negative"), numbers_of("21-130-per-cent"), numbers_of("role-twice")
    ((21, 23), (21,), ())
    """
    found = re.match(r"\d\d(?:-\d\d)*(?=-)", name)
    return tuple(map(int, found[0].split("-"))) if found else ()


def numbered(table: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Parameters of tests whose first item is an id such as ``17-one-country``: with the id, and marked 17."""
    return [
        pytest.param(*row[1:], id=row[0], marks=[pytest.mark.bad(*numbers)] if (numbers := numbers_of(row[0])) else [])
        for row in table
    ]
