"""netCDF files under a seal: whole when written, refused when a single bit has changed, harmless when made by others.

HDF5 does not notice flipped bytes, can be made to read other files, and can crash its reader. So the last line of a
file is the SHA-256 of all bytes before it, checked before HDF5 sees any of them; and what HDF5 is then asked to read
must lie in the file byte by byte: no links, no references, no compression, no strings of variable length but short
attributes. The file remains a plain netCDF-4 file, which ignores what stands behind its end.
"""

import errno
import hashlib
import json
import math
import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .errors import IntegrityError, StoreError, VersionError
from .files import replace_file

FORMAT = 1
MANIFEST = "manifest"
_LAST = re.compile(rb"\n# alliancecred ([a-z]{1,12}) format (\d{1,6}) sha256 ([0-9a-f]{64})\n\Z")
_LONGEST = 120  # bytes of the last line
_AT_ONCE = 1 << 20
_MOST_TEXT, _MOST_TEXTS = 1 << 24, 16  # characters of an attribute; texts in a list
_MOST_OBJECTS = 10_000
_DEEPEST = 8
_INSTEAD = {("draws", "fit"): "arviz.from_netcdf reads draws; the fit of a run lies in its folder as saved/fit.nc"}
_REMEDY = "restore it from a copy, or fit again"
# netCDF's own bookkeeping in HDF5, which is not read as data
_BOOKKEEPING = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST"}
_NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"


def seal(content: bytes, kind: str, number: int = FORMAT) -> bytes:
    r"""Return content with the line that says what it is, in which format, and the digest of all of it.

    Examples
    --------
    >>> seal(b"abc", "fit")[:28]
    b'abc\n# alliancecred fit forma'
    """
    head = content + f"\n# alliancecred {kind} format {number} sha256 ".encode()
    return head + hashlib.sha256(head).hexdigest().encode() + b"\n"


def write_sealed(tree: xr.DataTree, path: str | Path, kind: str) -> Path:
    """Write a tree as one netCDF file; a reader sees the old file or the new one.

    Text becomes arrays of bytes of fixed length. The file is made in memory, since HDF5 may crash on a full disk.

    Raises
    ------
    StoreError
        If it could not be written; an old file of that name is untouched.
    """
    path = Path(path)
    try:
        content = seal(_netcdf(tree), kind)
        return replace_file(path, content)
    except (OSError, RuntimeError, TypeError, ValueError, ImportError) as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
        remedy = "make room" if full else "give another path" if isinstance(error, OSError) else "rename what it names"
        why = getattr(error, "strerror", None) or error
        raise StoreError(
            f"could not write {str(path)!r}: {why}; an older file of that name is as it was → {remedy}"
        ) from error


def _netcdf(tree: xr.DataTree) -> bytes:
    groups = {node.path: _fixed(node.to_dataset(inherit=False)) for node in tree.subtree}
    encoding = {
        p: {k: {"dtype": "S1"} for k, v in d.variables.items() if v.dtype.kind == "U"} for p, d in groups.items()
    }
    whole = xr.DataTree.from_dict(groups)
    whole.attrs[MANIFEST] = json.dumps(manifest(whole))
    out = BytesIO()
    whole.to_netcdf(out, engine="h5netcdf", encoding={p: e for p, e in encoding.items() if e})
    return out.getvalue()


def _fixed(data: xr.Dataset) -> xr.Dataset:
    """Text as NumPy's, of fixed length; what is no array of numbers or text is refused."""
    out = data.copy()
    for name, variable in data.variables.items():
        if variable.dtype.kind in "OTS":
            if not all(isinstance(x, str) for x in variable.values.ravel()):
                raise TypeError(f"{name!r} holds Python objects, not numbers or text")
            out[name] = (variable.dims, np.asarray(variable.values, dtype=str), variable.attrs)
        elif variable.dtype.kind not in "biufU":
            raise TypeError(f"{name!r} holds {variable.dtype}, not numbers or text")
    return out


def manifest(tree: xr.DataTree) -> dict[str, str]:
    """Return the SHA-256 of every array of a tree (its type, dims, shape and values) and of all attributes.

    Examples
    --------
    >>> sorted(manifest(xr.DataTree.from_dict({"a": xr.Dataset({"x": 1.0})})))
    ['/a/x', 'attributes']
    """
    out: dict[str, str] = {}
    attributes: dict[str, Any] = {}
    for node in tree.subtree:
        data = node.to_dataset(inherit=False)
        attributes[node.path] = {str(k): _plain(v) for k, v in data.attrs.items() if k != MANIFEST}
        for name, variable in data.variables.items():
            out[f"{node.path.rstrip('/')}/{name}"] = _digest(variable)
    out["attributes"] = hashlib.sha256(json.dumps(attributes, sort_keys=True).encode()).hexdigest()
    return dict(sorted(out.items()))


def _digest(variable: xr.Variable) -> str:
    values = np.ascontiguousarray(variable.values)
    kind = "text" if values.dtype.kind in "OUT" else values.dtype.newbyteorder("<").str
    whole = hashlib.sha256(json.dumps([kind, [str(d) for d in variable.dims], values.shape]).encode())
    if kind == "text":
        whole.update(json.dumps([str(x) for x in values.ravel()]).encode())
    else:
        whole.update(values.astype(values.dtype.newbyteorder("<"), copy=False).data if values.size else b"")
    return whole.hexdigest()


def _plain(value: Any) -> Any:
    """An attribute as it reads back from netCDF: of a list of one number, the number."""
    if isinstance(value, str):
        return value
    flat = np.asarray(value).ravel().tolist()
    return flat[0] if len(flat) == 1 else flat


# --- reading --------------------------------------------------------------------------------------
def read_sealed(path: str | Path, kind: str) -> tuple[xr.DataTree, int]:
    """Return what `write_sealed` wrote, in memory, and the number of its format.

    Raises
    ------
    StoreError
        If there is no such file, or it is of another kind.
    IntegrityError
        If a bit has changed since it was written, or it holds what no file of ours holds.
    VersionError
        If it is of a newer format.
    """
    path = Path(path)
    try:
        found, number = _check_seal(path)
    except IntegrityError:
        raise
    except OSError as error:
        raise StoreError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    except ValueError as error:  # a null byte in the name
        raise StoreError(f"cannot read {str(path)!r}: {error}") from error
    if found != kind:
        remedy = _INSTEAD.get((found, kind), f"give the file that was written as {kind}")
        raise StoreError(f"{path.name} holds {found}, not {kind} → {remedy}")
    if not 1 <= number <= FORMAT:
        raise VersionError(
            f"{path.name} is of format {number}, this version reads 1 to {FORMAT} → use a newer alliancecred"
        )
    try:
        _check_inside(path)
        with xr.open_datatree(path, engine="h5netcdf") as opened:
            tree = opened.load()
    except IntegrityError:
        raise
    except Exception as error:  # readers raise many kinds of errors on what was made to mislead them
        raise IntegrityError(f"{path.name} cannot be read: {str(error)[:300]} → {_REMEDY}") from error
    tree = _thawed(tree)
    _check_manifest(tree, path.name)
    return tree, number


def _check_seal(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _LONGEST))
        match = _LAST.search(file.read(_LONGEST))
        if match is None:
            raise IntegrityError(
                f"{path.name} does not end in its seal: it was cut off, or is no file of ours → {_REMEDY}"
            )
        file.seek(0)
        whole, left = hashlib.sha256(), size - len(match[3]) - 1
        while left and (part := file.read(min(left, _AT_ONCE))):
            whole.update(part)
            left -= len(part)
    if whole.hexdigest().encode() != match[3]:
        raise IntegrityError(f"{path.name} has changed since it was written (SHA-256) → {_REMEDY}")
    return match[1].decode(), int(match[2])


def _check_inside(path: Path) -> None:
    """Refuse everything whose reading would leave the file, need more memory than it has bytes, or not end."""
    import h5py

    size = path.stat().st_size
    with h5py.File(path, "r") as file:
        seen: set[Any] = set()
        waiting = [("", file, 0)]
        while waiting:
            name, item, depth = waiting.pop()
            where = f"{path.name}: {name or '/'}"
            token = h5py.h5o.get_info(item.id).addr
            if token in seen or len(seen) > _MOST_OBJECTS or depth > _DEEPEST:
                raise IntegrityError(f"{where} is there twice, or too deep → {_REMEDY}")
            seen.add(token)
            _check_attributes(item, where)
            if isinstance(item, h5py.Dataset):
                _check_array(item, size, where)
                continue
            if not isinstance(item, h5py.Group):
                raise IntegrityError(f"{where} is neither a group nor an array → {_REMEDY}")
            for key in item:
                if not isinstance(item.get(key, getlink=True), h5py.HardLink):
                    raise IntegrityError(f"{where}: {key!r} is a link → {_REMEDY}")
                waiting.append((f"{name}/{key}", item[key], depth + 1))


def _check_array(array: Any, size: int, where: str) -> None:
    if array.dtype.kind not in "biufS" or array.dtype.subdtype is not None:
        raise IntegrityError(f"{where} holds {array.dtype}, not numbers or text → {_REMEDY}")
    if array.external or array.is_virtual or (array.chunks is not None and array.size):
        raise IntegrityError(f"{where} does not lie in this file as it is → {_REMEDY}")
    empty = array.id.get_storage_size() == 0 and array.attrs.get("NAME", b"").startswith(_NO_VARIABLE)
    if array.size > size or not (empty or array.id.get_storage_size() == array.size * array.dtype.itemsize):
        raise IntegrityError(
            f"{where} has {array.size:,} entries, which a file of {size:,} bytes cannot hold → {_REMEDY}"
        )


def _check_attributes(item: Any, where: str) -> None:
    for name in item.attrs:
        if name in _BOOKKEEPING:
            continue
        handle = item.attrs.get_id(name)
        text = handle.dtype.kind == "O"
        if (text and math.prod(handle.shape) > _MOST_TEXTS) or handle.get_storage_size() > _MOST_TEXT:
            raise IntegrityError(f"{where} has the attribute {name!r} of {handle.shape} → {_REMEDY}")
        if text and sum(map(len, np.atleast_1d(item.attrs[name]))) > _MOST_TEXT:
            raise IntegrityError(
                f"{where} has the attribute {name!r} of more than {_MOST_TEXT:,} characters → {_REMEDY}"
            )


def _thawed(tree: xr.DataTree) -> xr.DataTree:
    """Text as NumPy's, attributes as Python's."""
    groups = {}
    for node in tree.subtree:
        data = node.to_dataset(inherit=False)
        text = {k: (v.dims, v.values.astype(str), v.attrs) for k, v in data.variables.items() if v.dtype.kind == "O"}
        data = data.assign({k: v for k, v in text.items() if k not in data.coords})
        data = data.assign_coords({k: v for k, v in text.items() if k in data.coords})
        for variable in data.variables.values():
            variable.encoding = {}
        groups[node.path] = data
        data.attrs = {k: _plain(v) for k, v in data.attrs.items()}
        data.encoding = {}
    return xr.DataTree.from_dict(groups)


def _check_manifest(tree: xr.DataTree, name: str) -> None:
    try:
        listed: Mapping[str, str] = json.loads(str(tree.attrs.pop(MANIFEST)))
        assert isinstance(listed, dict)
    except (KeyError, ValueError, RecursionError, AssertionError) as error:
        raise IntegrityError(f"{name} has no list of what it holds → {_REMEDY}") from error
    found = manifest(tree)
    wrong = [k for k in dict.fromkeys((*listed, *found)) if listed.get(k) != found.get(k)]
    if wrong:
        shown = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise IntegrityError(f"{name}: {shown} {'is' if len(wrong) == 1 else 'are'} not what was written → {_REMEDY}")
