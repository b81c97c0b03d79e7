"""The folder of a run: whose results lie in it, and what an earlier run left there."""

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .errors import StoreError
from .files import digest_of

LOCK = "lock.json"


@dataclass(frozen=True)
class Earlier:
    """A finished run whose files lie in a folder: the name of its analysis, and the SHA-256 of each file."""

    name: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


def earlier_run(folder: Path, name: str) -> Earlier:
    """Return the run whose results lie in a folder; an empty one where there is none that can be read.

    Raises
    ------
    StoreError
        If it is of another analysis than ``name``: its results would be lost or stand among those of this one.
    """
    try:
        record = json.loads((folder / LOCK).read_text(encoding="utf-8"))
        found = Earlier(str(record["name"]), {str(k): str(v) for k, v in dict(record["files"]).items()})
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Earlier()
    if found.name != name:
        raise StoreError(f"{folder.name!r} holds results of the analysis {found.name!r} → write into another folder")
    return found


def remove_leftovers(folder: Path, earlier: Earlier, written: Collection[str]) -> None:
    """Remove what an earlier run wrote, this one did not, and nobody has changed since; what is held open stays."""
    for name, digest in earlier.files.items():
        with suppress(OSError, ValueError):  # ValueError: a null byte in the name
            path = folder / name
            inside = path.resolve().is_relative_to(folder.resolve())
            if name not in written and inside and path.is_file() and digest_of(path) == digest:
                path.unlink()
