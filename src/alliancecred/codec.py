"""Frozen dataclasses to plain tables (TOML, JSON) and back, refusing what they do not know.

Types understood: ``str int float bool date``, ``X | None``, ``tuple[X, ...]``,
``tuple[tuple[str, X], ...]`` (a table), dataclasses, and unions of dataclasses, which carry
their class attribute ``tag`` under the key ``kind``.
"""

import dataclasses
import datetime as dt
import types
from typing import Any, Union, get_args, get_origin, get_type_hints

from .errors import Problem, nearest

_MISSING = dataclasses.MISSING


def _is_table(hint: Any) -> bool:
    args = get_args(hint)
    return (
        get_origin(hint) is tuple
        and len(args) == 2
        and args[1] is ...
        and (get_origin(args[0]) is tuple and get_args(args[0])[0] is str)
    )


def encode(value: Any, hint: Any = None) -> Any:
    """Return ``value`` as nested dicts, lists and scalars; fields at their default are left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        hints = get_type_hints(type(value))
        out: dict[str, Any] = {}
        if hasattr(value, "tag"):
            out["kind"] = value.tag
        for field in dataclasses.fields(value):
            item = getattr(value, field.name)
            if item is None or (field.default is not _MISSING and item == field.default):
                continue
            out[field.name] = encode(item, hints[field.name])
        return out
    if isinstance(value, tuple):
        if hint is not None and _is_table(hint):
            inner = get_args(get_args(hint)[0])[1]
            return {k: encode(v, inner) for k, v in value}
        inner = get_args(hint)[0] if hint is not None and get_args(hint) else None
        return [encode(v, inner) for v in value]
    return float(value) if hint is float else value


def decode(hint: Any, data: Any, where: str, problems: list[Problem]) -> Any:
    """Return ``data`` as a value of type ``hint``; what is wrong goes to ``problems``."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        options = [a for a in args if a is not type(None)]
        if len(options) == 1:
            return decode(options[0], data, where, problems)
        return _decode_union(options, data, where, problems)
    if _is_table(hint):
        if not isinstance(data, dict):
            return _wrong(data, "a table", where, problems)
        inner = get_args(args[0])[1]
        return tuple((k, decode(inner, v, f"{where}.{k}", problems)) for k, v in data.items())
    if origin is tuple:
        if not isinstance(data, list | tuple):
            return _wrong(data, "a list", where, problems)
        return tuple(decode(args[0], v, f"{where}[{i}]", problems) for i, v in enumerate(data))
    if dataclasses.is_dataclass(hint):
        return _decode_dataclass(hint, data, where, problems)
    return _decode_scalar(hint, data, where, problems)


def _wrong(data: Any, wanted: str, where: str, problems: list[Problem]) -> None:
    problems.append(Problem("schema", where, f"expected {wanted}, got {data!r}"))


def _decode_scalar(hint: Any, data: Any, where: str, problems: list[Problem]) -> Any:
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        data = float(data) if abs(data) < 2**1023 else float("inf")
    if hint is dt.date and isinstance(data, str):
        try:
            data = dt.date.fromisoformat(data)
        except ValueError:
            return _wrong(data, "a date (YYYY-MM-DD)", where, problems)
    if type(data) is not hint:
        name = "a date (YYYY-MM-DD)" if hint is dt.date else f"a {hint.__name__}"
        return _wrong(data, name, where, problems)
    if hint is float and not (abs(data) < float("inf")):
        return _wrong(data, "a finite number", where, problems)
    return data


def _decode_union(options: list[Any], data: Any, where: str, problems: list[Problem]) -> Any:
    tags = {o.tag: o for o in options if hasattr(o, "tag")}
    if not tags:
        for option in options:
            trial: list[Problem] = []
            value = decode(option, data, where, trial)
            if not trial:
                return value
        return _wrong(data, " or ".join(o.__name__ for o in options), where, problems)
    if not isinstance(data, dict) or "kind" not in data:
        return _wrong(data, f"a table with kind = one of {', '.join(tags)}", where, problems)
    kind = data["kind"]
    if not isinstance(kind, str) or kind not in tags:
        problems.append(Problem("schema", f"{where}.kind", f"unknown kind {kind!r}", (), nearest(str(kind), [*tags])))
        return None
    rest = {k: v for k, v in data.items() if k != "kind"}
    return _decode_dataclass(tags[kind], rest, where, problems)


def _decode_dataclass(cls: Any, data: Any, where: str, problems: list[Problem]) -> Any:
    if not isinstance(data, dict):
        return _wrong(data, "a table", where, problems)
    if data.get("kind", getattr(cls, "tag", None)) != getattr(cls, "tag", data.get("kind")):
        problems.append(Problem("schema", f"{where}.kind", f"expected kind {cls.tag!r}, got {data['kind']!r}"))
        return None
    data = {k: v for k, v in data.items() if not (k == "kind" and hasattr(cls, "tag"))}
    fields = {f.name: f for f in dataclasses.fields(cls)}
    hints = get_type_hints(cls)
    before = len(problems)
    for key in data:
        if key not in fields:
            problems.append(Problem("schema", f"{where}.{key}".lstrip("."), "unknown key", (), nearest(key, [*fields])))
    values = {}
    for name, field in fields.items():
        path = f"{where}.{name}".lstrip(".")
        if name in data:
            values[name] = decode(hints[name], data[name], path, problems)
        elif field.default is _MISSING and field.default_factory is _MISSING:
            problems.append(Problem("schema", path, "required key is missing"))
    return cls(**values) if len(problems) == before else None
