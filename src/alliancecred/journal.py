"""A study's results in a file of JSON lines: the first says what the study is, each further one is a finished item.

A line is written whole and forced to disk before the next is begun, so that a kill at any moment leaves at most
one torn line, the last, which is cut off when the file is opened again.
"""

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import IntegrityError, StoreError, VersionError
from .files import replace_file

FORMAT = 1


def canonical(identity: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a table of JSON values, whatever the order of its keys.

    Examples
    --------
    >>> canonical({"a": 1, "b": (2,)}) == canonical({"b": [2], "a": 1})
    True
    """
    return hashlib.sha256(_dumps(identity, sort_keys=True).encode()).hexdigest()


def open_journal(path: str | Path, identity: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the finished items of a study, key → facts; begin the file if it is not there.

    Parameters
    ----------
    path
        The file. One process at a time may write to it.
    identity
        What the study is, in JSON values.

    Raises
    ------
    StoreError
        If the file holds another study (what differs is named) or cannot be written to.
    IntegrityError
        If a line other than the last cannot be read.
    """
    path = Path(path)
    if not path.exists():
        head = {"format": FORMAT, "digest": canonical(identity), "study": identity}
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, (_dumps(head) + "\n").encode())
        return {}
    try:
        whole = path.read_bytes()
        kept = whole[: whole.rfind(b"\n") + 1]
        if len(kept) < len(whole):
            os.truncate(path, len(kept))
    except OSError as error:
        raise StoreError(f"cannot use {str(path)!r}: {error.strerror}") from error
    head, *lines = [_read(path, i, line) for i, line in enumerate(kept.splitlines() or [b""])]
    _check(path, head, identity)
    out: dict[str, dict[str, Any]] = {}
    for i, line in enumerate(lines, 1):
        if set(line) != {"key", "seconds", "facts"}:
            raise IntegrityError(f"line {i + 1} of {path.name} is not an item of a study")
        out.setdefault(line["key"], line["facts"])
    return out


def append(path: str | Path, key: str, seconds: float, facts: Mapping[str, Any]) -> None:
    """Write one finished item, whole and to disk."""
    line = (_dumps({"key": key, "seconds": round(seconds, 3), "facts": facts}) + "\n").encode()
    try:
        with Path(path).open("ab", buffering=0) as file:
            if file.write(line) < len(line):
                raise OSError(errno.ENOSPC, "the line was cut short")
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"cannot write to {str(path)!r}: {error.strerror}") from error


def _dumps(value: object, *, sort_keys: bool = False) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=sort_keys)


def _read(path: Path, index: int, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise IntegrityError(f"line {index + 1} of {path.name} cannot be read: mend or delete that line, or the file")
    return found


def _check(path: Path, head: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    if head.get("format") != FORMAT:
        raise VersionError(f"{path.name} is not a study of format {FORMAT}")
    if head.get("digest") == canonical(identity):
        return
    there, here = head.get("study", {}), json.loads(_dumps(identity))
    differs = [k for k in sorted({*there, *here}) if there.get(k) != here.get(k)]
    words = "; ".join(f"{k} is {_short(there.get(k))} there, {_short(here.get(k))} now" for k in differs)
    raise StoreError(f"{path.name} holds another study: {words} → give another path, or delete the file")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"
