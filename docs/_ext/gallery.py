"""The gallery of figures, where tools/gallery.py lists them."""

from collections.abc import Iterable


def pages() -> Iterable[tuple[str, str]]:
    """Yield path and text of each page."""
    return ()
