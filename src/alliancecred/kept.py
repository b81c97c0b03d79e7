"""What a run keeps for itself, so that its report can be made again without fitting: its fits, and what took fits."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from .check import people_of_cells
from .errors import IntegrityError
from .files import make_folder
from .fitting import Fit
from .report import Contents
from .saved import load, save
from .sealed import read_sealed, write_sealed

FOLDER, FIT, FRAMES, KIND = "saved", "fit.nc", "frames.nc", "run"
_TAKEN = ("left_out", "moved")  # frames that took fits of their own


@dataclass(frozen=True)
class Kept:
    """What `keep_run` wrote: the main fit, those of the variants, frames that took fits, and words."""

    fit: Fit
    varied: tuple[Fit, ...]
    frames: Mapping[str, pd.DataFrame | None]
    words: Mapping[str, object]


def may_be_kept(fit: Fit, least: int) -> bool:
    """Return whether all counts may lie in a folder that is meant for others: none is of fewer people than that.

    A saved fit has the counts of cells, and where people answer several questions or choose between profiles also how
    many gave exactly these answers, often one.
    """
    people, choices = fit.cells.people, fit.cells.choices
    behind = [people_of_cells(fit)]
    behind += [] if people is None else [people.times]
    behind += [] if choices is None else [choices.counts.sum(1)]
    return not any((size < least).any() for size in behind)


def keep_run(contents: Contents, folder: Path, least: int) -> list[Path]:
    """Write the fits of a run and what took fits into a folder; nothing where small cells keep back their counts.

    What an earlier run kept there is taken away: it may show what this one must not.
    """
    for old in (FIT, FRAMES, *(p.name for p in folder.glob(_variant("*")))):
        (folder / old).unlink(missing_ok=True)
    if not may_be_kept(contents.fit, least):
        return []
    folder = make_folder(folder)
    paths = [save(contents.fit, folder / FIT)]
    paths += [save(v.fit, folder / _variant(i)) for i, v in enumerate(contents.varied, 1)]
    frames = {"left_out": contents.left_out, "moved": contents.moved}
    groups = {f"/{k}": _dataset(frame) for k, frame in frames.items() if frame is not None}
    tree = xr.DataTree.from_dict({"/": xr.Dataset(), **groups})
    words = {k: getattr(contents, k) for k in ("remarks", "warnings", "source", "files", "date", "seconds")}
    tree.attrs["words"] = json.dumps(words, ensure_ascii=False)
    return [*paths, write_sealed(tree, folder / FRAMES, KIND)]


def read_kept(folder: Path) -> Kept:
    """Read what `keep_run` wrote.

    Raises
    ------
    StoreError, IntegrityError, VersionError
        If a file is not there, or has changed, or comes from a newer version.
    """
    fit = load(folder / FIT)
    varied = tuple(load(folder / _variant(i + 1)) for i in range(len(fit.spec.variants)))
    tree, _ = read_sealed(folder / FRAMES, KIND)
    try:
        words = json.loads(tree.attrs["words"])
        frames = {k: _frame(tree[k].to_dataset()) if k in tree.children else None for k in _TAKEN}
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"{FRAMES}: its parts do not fit together: {error} → run the analysis again") from error
    return Kept(fit, varied, frames, words)


def _variant(number: int | str) -> str:
    return f"variant_{number}.nc"


def _dataset(frame: pd.DataFrame) -> xr.Dataset:
    columns = {}
    for j, name in enumerate(frame.columns):
        values = frame.iloc[:, j]
        plain = values.to_numpy() if values.dtype.kind in "biuf" else values.fillna("").astype(str).to_numpy(dtype=str)
        columns[f"column_{j}"] = ("row", plain, {"name": str(name), "boolean": int(values.dtype.kind == "b")})
    return xr.Dataset(columns, attrs={"columns": len(columns)})


def _frame(data: xr.Dataset) -> pd.DataFrame:
    out = {}
    for j in range(int(data.attrs["columns"])):
        column = data[f"column_{j}"]
        values = column.values.astype(bool) if int(column.attrs["boolean"]) else column.values
        out[str(column.attrs["name"])] = values.astype(object) if values.dtype.kind == "U" else np.asarray(values)
    return pd.DataFrame(out)
