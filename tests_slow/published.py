"""What was published about the shipped analyses, as the tests compare with it."""

import tomllib
from pathlib import Path

import pytest


def published(model: str, *keys: str) -> dict[str, object]:
    """Return key → value, each with the largest difference allowed; of all that have a value, if no key is given."""
    rows = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))[model]
    found = {row["key"]: pytest.approx(row["value"], abs=row["within"]) for row in rows if "value" in row}
    return {key: found[key] for key in keys or found}
