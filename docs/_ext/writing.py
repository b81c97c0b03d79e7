"""Pages that are generated: the reference, the command line, the gallery, the shipped analyses."""

from collections.abc import Iterable
from pathlib import Path

import api
import commands
import pictures
from sphinx.application import Sphinx

import models

FOLDERS = ("api", "models", "gallery")  # ignored by git; nothing in them is written by hand


def pages() -> Iterable[tuple[str, str]]:
    """Yield path (below docs/) and text of every generated page."""
    yield from ((f"api/{name}", text) for name, text in api.pages())
    yield "api/command_line.md", commands.page()
    yield "gallery/index.md", pictures.page()
    yield from ((f"models/{name}", text) for name, text in models.pages())


def write(folder: Path) -> None:
    """Write every page that is not there as it should be, and remove what is none of them."""
    names = set(api.files().values())  # of pages that autosummary writes
    wanted = {folder / path: text for path, text in pages()}
    for path, text in wanted.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for kind in FOLDERS:
        for path in (folder / kind).rglob("*.*"):
            if path not in wanted and (path.parent.name != "names" or path.stem not in names):
                path.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Write them before Sphinx looks which pages there are."""
    app.config.autosummary_filename_map = api.files()
    app.connect("config-inited", lambda app, config: write(Path(app.srcdir)))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
