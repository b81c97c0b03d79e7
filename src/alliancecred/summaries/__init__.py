"""Estimates in numbers, in words and in files."""

from .files import safe_cell, write_csv
from .sentences import in_sentences, opened
from .table import COLUMNS, DIAGNOSTICS, CiKind, by_row, check_interval, flat, interval, ranks, summary
from .text import digits_for, failed_gates, number, sentence
from .words import (
    KIND_WORDS,
    ROLE_WORDS,
    asked_of,
    averaged_words,
    averages,
    constants,
    describe,
    full_name,
    identification_words,
    opening_words,
    quantity,
    row_names,
    signal_facts,
    signal_words,
)

__all__ = [
    "COLUMNS",
    "DIAGNOSTICS",
    "KIND_WORDS",
    "ROLE_WORDS",
    "CiKind",
    "asked_of",
    "averaged_words",
    "averages",
    "by_row",
    "check_interval",
    "constants",
    "describe",
    "digits_for",
    "failed_gates",
    "flat",
    "full_name",
    "identification_words",
    "in_sentences",
    "interval",
    "number",
    "opened",
    "opening_words",
    "quantity",
    "ranks",
    "row_names",
    "safe_cell",
    "sentence",
    "signal_facts",
    "signal_words",
    "summary",
    "write_csv",
]
