"""Estimates in numbers, in words and in files."""

from .files import write_csv
from .table import COLUMNS, DIAGNOSTICS, CiKind, by_row, check_interval, flat, interval, ranks, summary
from .words import (
    KIND_WORDS,
    ROLE_WORDS,
    asked_of,
    averaged_words,
    averages,
    constants,
    describe,
    digits_for,
    failed_gates,
    full_name,
    number,
    quantity,
    row_names,
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
    "interval",
    "number",
    "quantity",
    "ranks",
    "row_names",
    "signal_words",
    "summary",
    "write_csv",
]
