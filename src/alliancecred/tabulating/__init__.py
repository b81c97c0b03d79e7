"""Estimates as tables for a paper: HTML, LaTeX, Word and Markdown from one frozen value."""

from .make import table
from .value import Column, PaperTable, Rows
from .written import write_table, write_tables

__all__ = ["Column", "PaperTable", "Rows", "table", "write_table", "write_tables"]
