"""An analysis locked before its data are seen, and what a later one did differently.

A lock holds an analysis in full and its SHA-256, without data. Results name the SHA-256 of the analysis they come
from (reports, draws, ``lock.json``), so that a reader can tell whether it is the locked one.
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .codec import decode, encode
from .errors import IntegrityError, Problem, StoreError, VersionError
from .files import replace_file
from .spec import Spec
from .spec_file import as_spec

FORMAT, _LARGEST = 1, 10_000_000
_WORDS = ("name", "title", "question", "references", "names")  # fields that change no number
_NOTHING = "–"


@dataclass(frozen=True)
class Locked:
    """An analysis that was written down before its data were seen.

    Parameters
    ----------
    spec
        The analysis.
    date
        The day it was locked (ISO).
    """

    spec: Spec
    date: str

    @property
    def digest(self) -> str:
        """SHA-256 of the analysis, hexadecimal."""
        return self.spec.digest


def lock(spec: Spec | str | Path, path: str | Path) -> Locked:
    """Write an analysis down before its data are seen: a small JSON file, to be deposited where it gets a date.

    Parameters
    ----------
    spec
        A `Spec`, a TOML file, or the name of a shipped model.
    path
        The file; there must not be one.

    Returns
    -------
    Locked

    Raises
    ------
    SpecError
        If the analysis is inconsistent.
    StoreError
        If there is a file already (a lock is never replaced), or it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     locked = lock("retrenchment_simulated", Path(folder) / "plan.json")
    ...     read_lock(Path(folder) / "plan.json") == locked
    True
    """
    found, path = Locked(as_spec(spec), dt.date.today().isoformat()), Path(path)
    if path.exists():
        raise StoreError(f"{path.name} exists: a lock is never replaced → choose another name")
    record = {"format": FORMAT, "sha256": found.digest, "date": found.date, "analysis": encode(found.spec)}
    replace_file(path, (json.dumps(record, indent=1, ensure_ascii=False, default=str) + "\n").encode())
    return found


def read_lock(path: str | Path) -> Locked:
    """Read a lock, and check that the analysis in it has the SHA-256 it names (the day is not part of that).

    Raises
    ------
    StoreError
        If it cannot be read.
    IntegrityError
        If it is no lock, or was changed after it was written.
    VersionError
        If a newer version wrote it.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST:
            raise IntegrityError(f"{path.name} is no lock: it is larger than {_LARGEST:,} bytes")
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"cannot read {path.name}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{path.name} is no lock: it is not JSON") from error
    if not isinstance(record, Mapping) or not {"format", "sha256", "date", "analysis"} <= record.keys():
        raise IntegrityError(f"{path.name} is no lock: write one with `alliancecred lock`")
    if not isinstance(record["format"], int) or record["format"] > FORMAT:
        raise VersionError(f"{path.name} has format {record['format']}, this version reads up to {FORMAT} → update")
    problems: list[Problem] = []
    spec = decode(Spec, record["analysis"], "", problems)
    if spec is None or problems or spec.digest != record["sha256"]:
        raise IntegrityError(f"{path.name} was changed after it was locked: its SHA-256 is not that of its analysis")
    return Locked(spec, str(record["date"]))


def deviations(locked: Locked | Spec | str | Path, used: Spec | str | Path) -> pd.DataFrame:
    """Return what an analysis does differently from the locked one.

    Parameters
    ----------
    locked
        A lock, its file (``.json``), or any analysis.
    used
        The analysis that was run.

    Returns
    -------
    pandas.DataFrame
        One row per change, none if there are none: ``where``, what was ``locked`` and ``used`` there, and ``what``:
        ``analysis`` if numbers may differ, ``words`` if it is only what things are called.

    Examples
    --------
    >>> from alliancecred.terms import Level
    >>> from alliancecred.priors import HalfNormal
    >>> plan = Spec("demo", ("no", "yes"), ("yes",), (Level(("country",)),))
    >>> wider = Spec("demo", ("no", "yes"), ("yes",), (Level(("country",), HalfNormal(1.0)),))
    >>> deviations(plan, wider).iloc[0].tolist()
    ['terms.level by country.scale.sd', '0.5', '1.0', 'analysis']
    """
    changes = _changes(_spec_of(locked), as_spec(used), "")
    rows = [(w, a, b, "words" if w.split(".")[0] in _WORDS else "analysis") for w, a, b in changes]
    return pd.DataFrame(rows, columns=["where", "locked", "used", "what"])


def deviation_text(locked: str | Path, used: Spec) -> str:
    """Return in words what an analysis does differently from the lock in a file."""
    plan = read_lock(locked)
    found = deviations(plan, used)
    if found.empty:
        return f"The analysis is as it was locked on {plan.date} (SHA-256 {plan.digest})."
    head = f"Locked on {plan.date} (SHA-256 {plan.digest}); done differently since then:"
    return "\n".join([head, *(f"  {r['where']}: locked {r['locked']}, used {r['used']}" for _, r in found.iterrows())])


def _spec_of(locked: Locked | Spec | str | Path) -> Spec:
    if isinstance(locked, Locked):
        return locked.spec
    if isinstance(locked, str | Path) and Path(locked).suffix == ".json":
        return read_lock(locked).spec
    return as_spec(locked)


def _changes(a: Any, b: Any, where: str) -> Iterator[tuple[str, str, str]]:
    """Yield where two values differ, and how."""
    if a == b:
        return
    if is_dataclass(a) and type(a) is type(b):
        for field in fields(a):
            yield from _changes(getattr(a, field.name), getattr(b, field.name), f"{where}.{field.name}".lstrip("."))
        return
    if isinstance(a, tuple) and isinstance(b, tuple):
        left, right = _by_key(a), _by_key(b)
        if left is not None and right is not None and (left or right):
            for key in dict.fromkeys((*left, *right)):
                yield from _changes(left.get(key), right.get(key), f"{where}.{key}")
            if list(left) != list(right) and sorted(left) == sorted(right):
                yield f"{where}: order", ", ".join(left), ", ".join(right)
            return
    yield where, _shown(a), _shown(b)


def _by_key(values: tuple[Any, ...]) -> dict[str, Any] | None:
    """Return the elements by what tells them apart: name, or kind and factors; None if nothing does."""
    keys = []
    for value in values:
        if is_dataclass(value):
            keys.append(_name(value))
        elif isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
            keys.append(value[0])
        else:
            return None
    if len(set(keys)) < len(keys):
        return None
    return {k: v[1] if isinstance(v, tuple) else v for k, v in zip(keys, values, strict=True)}


def _name(value: Any) -> str:
    """Return what an element of an analysis is called among its like."""
    tag = getattr(value, "tag", "") or getattr(value, "of", "") or ""
    parts = [tag] if isinstance(tag, str) else []
    parts += [str(getattr(value, k)) for k in ("name", "path", "signal", "covariate", "population", "wave")
              if isinstance(getattr(value, k, None), str) and getattr(value, k)]  # fmt: skip
    for key, word in (("of", "of"), ("by", "by"), ("roles", "of role"), ("waves", "in")):
        if isinstance(found := getattr(value, key, ()), tuple) and found:
            parts.append(f"{word} {' and '.join(map(str, found))}")
    return " ".join(parts) or type(value).__name__


def _shown(value: Any) -> str:
    if value is None or value == ():
        return _NOTHING
    if is_dataclass(value):
        inner = ", ".join(
            f"{f.name} {_shown(getattr(value, f.name))}" for f in fields(value) if getattr(value, f.name) != f.default
        )
        return f"{_name(value)} ({inner})" if inner else _name(value)
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    return str(value)
