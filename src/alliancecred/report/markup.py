"""The elements of a report (see `markup` of the package)."""

from ..markup import Html, bullets, details, el, join, link, pairs, paragraphs, section, table

__all__ = ["Html", "bullets", "details", "el", "join", "link", "pairs", "paragraphs", "section", "table"]
