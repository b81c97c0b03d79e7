"""Results into files, whole or not at all: draws, the locked spec, and the record of where they came from."""

import json
import re
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import xarray as xr

from .errors import SpecError, StoreError
from .estimate import Estimate
from .files import replace_file
from .sealed import write_sealed
from .spec import Spec
from .spec_file import read_spec, spec_to_toml

_LONGEST = 60
_DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{i}" for kind in ("com", "lpt") for i in range(10))}  # of Windows


def slug(label: str, taken: Sequence[str] = ()) -> str:
    """Return a file name made from a label: lower case letters, digits and underscores, none of ``taken``.

    Examples
    --------
    >>> slug("../../First-order effect"), slug("a b", ["a_b"]), slug("///")
    ('first_order_effect', 'a_b_2', 'unnamed')
    """
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    base = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:_LONGEST].strip("_") or "unnamed"
    name, i = base, 1
    while name in taken or name in _DEVICES:
        i += 1
        name = f"{base}_{i}"
    return name


# --- draws --------------------------------------------------------------------------------------
def draws_tree(tree: xr.DataTree, estimates: Sequence[Estimate]) -> xr.DataTree:
    """Return a copy of a fit's tree with the group ``estimands``: the draws of each estimate.

    Arrays of Python objects, which a file cannot hold, are left out.
    """
    groups = {node.path: _plain(node.to_dataset(inherit=False)) for node in tree.subtree}
    taken: list[str] = []
    for estimate in estimates:
        name = slug(str(estimate.draws["estimand"].values[0]), taken)
        taken.append(name)
        groups[f"/estimands/{name}"] = _of_estimate(estimate)
    return xr.DataTree.from_dict(groups)


def _of_estimate(estimate: Estimate) -> xr.Dataset:
    parts = {"draws": estimate.draws, "before": estimate.before, "after": estimate.after}
    data = xr.Dataset({k: v.variable for k, v in parts.items() if v is not None})
    rows = {k: v for k, v in estimate.draws.coords.items() if "row" in v.dims}
    data = data.assign_coords({k: ("row", v.values.astype(str)) for k, v in rows.items()})
    words = {
        "unit": estimate.unit,
        "identification": estimate.identification,
        "answer": estimate.answer,
        "averaged": estimate.averaged,
        "status": estimate.status,
        "smallest": estimate.smallest,
        "notes": json.dumps(estimate.notes),
    }
    return data.assign_attrs(words)


def _plain(data: xr.Dataset) -> xr.Dataset:
    return data.drop_vars([k for k, v in data.variables.items() if v.dtype == object])


def write_draws(tree: xr.DataTree, estimates: Sequence[Estimate], path: str | Path) -> Path:
    """Write a fit's tree and its estimates as one netCDF file; a reader sees the old file or the new one.

    Raises
    ------
    StoreError
        If the file could not be written; the old one, if any, is untouched.
    """
    return write_sealed(draws_tree(tree, estimates), path, "draws")


def try_draws(tree: xr.DataTree, estimates: Sequence[Estimate], folder: str | Path) -> int:
    """Write draws into a folder as `write_draws` will, take them away again, and return how many bytes they were.

    Raises
    ------
    StoreError
        If that fails, as it would have after sampling.
    """
    trial = Path(folder) / f".{uuid.uuid4().hex}.tmp"
    try:
        return write_draws(tree, estimates, trial).stat().st_size
    finally:
        trial.unlink(missing_ok=True)


# --- what was asked, and of what ----------------------------------------------------------------
def write_spec(spec: Spec, path: str | Path) -> Path:
    """Write a spec as TOML, its digest in the first line, and check that it reads back the same.

    Raises
    ------
    StoreError
        If what was written gives another digest.
    """
    head = f"# SHA-256 of this analysis in its canonical form: {spec.digest}\n"
    head += "# Paths of its sources are relative to the folder of the original file.\n"
    written = replace_file(path, (head + spec_to_toml(spec)).encode())
    try:
        same = read_spec(written).digest == spec.digest
    except SpecError as error:
        raise StoreError(f"{written.name} does not read back: {error}") from error
    if not same:
        raise StoreError(f"{written.name} reads back as another analysis")
    return written


def write_lock(record: Mapping[str, object], path: str | Path) -> Path:
    """Write the record of a run as JSON."""
    return replace_file(path, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())
