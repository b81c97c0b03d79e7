"""The elements of a report (see `markup` of the package)."""

from ..markup import Html, bullets, details, download, el, join, link, pairs, paragraphs, section, table

__all__ = ["Html", "bullets", "details", "download", "el", "join", "link", "pairs", "paragraphs", "section", "table"]
