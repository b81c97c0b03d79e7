"""Files written whole or not at all, under names that nobody can guess, into folders that were tried first."""

import hashlib
import os
import shutil
import uuid
from pathlib import Path

from .errors import StoreError


def replace_file(path: str | Path, content: bytes) -> Path:
    """Write a file so that a reader sees the old or the new one, never half of it, whenever the machine stops.

    A link at ``path`` is replaced, not followed.
    """
    path = Path(path)
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _settle(path.parent)
    return path


def _settle(folder: Path) -> None:
    """Have the new name on disk too, where folders can be opened (not on Windows)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:  # some network disks cannot: the content is safe already
        pass
    finally:
        os.close(handle)


def make_folder(path: str | Path) -> Path:
    """Return a folder that exists and can be written to.

    Raises
    ------
    StoreError
        If it cannot be made, is no folder, or refuses files.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".{uuid.uuid4().hex}.tmp"
        probe.touch(exist_ok=False)
        probe.unlink()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        why = getattr(error, "strerror", None) or error
        raise StoreError(f"cannot write to the output folder {str(path)!r}: {why} → give another folder") from error
    return path


def check_room(folder: str | Path, size: int) -> None:
    """Refuse to begin what will need more bytes on a disk than are free.

    Raises
    ------
    StoreError
        With both sizes.

    Examples
    --------
    >>> check_room(".", 1)
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise StoreError(
            f"about {size / 1e6:,.0f} MB will be written to {str(folder)!r}, and {free / 1e6:,.0f} MB is free there "
            "→ make room, give another folder, or ask for fewer draws"
        )


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:  # in pieces: it may be larger than memory
        return hashlib.file_digest(file, "sha256").hexdigest()
