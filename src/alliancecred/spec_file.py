"""Specs in and out of TOML; unknown keys are refused."""

import os
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from .codec import decode, encode
from .errors import Problem, SpecError, nearest, raise_spec
from .spec import Spec
from .spec_check import check_spec, spec_problems

SCHEMA = 1
LARGEST = 32_000_000  # bytes of a file


def spec_from_table(table: dict[str, Any]) -> Spec:
    """Return the `Spec` a parsed TOML table describes.

    Raises
    ------
    SpecError
        Listing every unknown key, wrong type and inconsistency at once.

    Examples
    --------
    >>> spec_from_table({"name": "demo", "answers": ["no", "yes"], "top": ["yes"],
    ...                  "terms": [{"kind": "level", "by": ["country"]}]}).top
    ('yes',)
    """
    problems: list[Problem] = []
    table = dict(table)
    schema = table.pop("schema", SCHEMA)
    if schema != SCHEMA:
        problems.append(Problem("schema", "schema", f"this version reads schema {SCHEMA}, got {schema!r}"))
    spec = decode(Spec, table, "", problems)
    if spec is not None:
        problems += list(spec_problems(spec))
    raise_spec(problems)
    return spec


def read_spec(path: str | Path) -> Spec:
    """Read a spec from a TOML file, or the shipped one of that name.

    Raises
    ------
    SpecError
        If there is no such file or shipped spec, if the file is not TOML, or listing everything wrong in it.

    Examples
    --------
    >>> read_spec("panel_simulated").top
    ('yes',)
    """
    path = _found(path)
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise SpecError(
                f"{path.name} has {size:,} bytes, a spec at most {LARGEST:,} → long tables belong in files of data"
            )
        return spec_from_toml(path.read_text(encoding="utf-8"), path.name)
    except UnicodeDecodeError as error:
        raise SpecError(f"{path.name} is not valid TOML: {error} → save it as UTF-8") from error
    except OSError as error:
        raise SpecError(f"cannot read {path.name}: {error.strerror}") from error
    except ValueError as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"{str(path)!r} is no path: {error}") from error


def spec_from_toml(text: str, name: str = "the spec") -> Spec:
    """Return the spec that TOML text describes; ``name`` is what messages call it.

    Raises
    ------
    SpecError
        If the text is not TOML, or listing everything wrong in it.

    Examples
    --------
    >>> spec_from_toml(spec_to_toml(Spec("demo", ("no", "yes"), ("yes",), ()))).name
    'demo'
    """
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also numbers of thousands of digits
        raise SpecError(f"{name} is not valid TOML: {error}") from error
    return spec_from_table(table)


def spec_to_toml(spec: Spec) -> str:
    """Return the TOML text of a spec; `read_spec` gives back an equal value.

    Examples
    --------
    >>> text = spec_to_toml(Spec("demo", ("no", "yes"), ("yes",), ()))
    >>> "demo" in text
    True
    """
    return tomli_w.dumps({"schema": SCHEMA} | encode(spec))


def as_spec(spec: "Spec | str | Path") -> Spec:
    """Return a checked `Spec` from a value, a path to a TOML file, or the name of a shipped one."""
    if isinstance(spec, Spec):
        check_spec(spec)
        return spec
    if not isinstance(spec, str | os.PathLike):
        message = f"an analysis is a Spec, a TOML file or the name of a shipped one, got {type(spec).__name__}"
        raise SpecError([Problem("schema", "spec", message, (), "it comes first: fit(spec, survey)")])
    return read_spec(spec)


def _found(spec: str | Path) -> Path:
    """Return the path of a spec that may be the name of a shipped one."""
    path = Path(spec)
    if path.suffix == ".toml":
        return path
    shipped, there = shipped_models(), os.path.exists(path)  # which is False for what can be no path, too
    if str(spec) in shipped and (not there or path.is_dir()):  # a run may have left a folder of that name
        return models_dir() / f"{spec}.toml"
    if not there:
        raise SpecError(f"no file or shipped model {str(spec)[:200]!r}: {nearest(str(spec)[:200], shipped)}")
    return path


def models_dir() -> Path:
    """Return the folder of the shipped specs (in the wheel, or in the checkout)."""
    inside = Path(__file__).parent / "models"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "models"


def shipped_models() -> tuple[str, ...]:
    """Return the names of the shipped specs."""
    return tuple(sorted(p.stem for p in models_dir().glob("*.toml")))
