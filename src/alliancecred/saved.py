"""`save` and `load`: a fit as one sealed netCDF file, facts only, and the same fit back.

The groups of the posterior are ArviZ's own and can be read without this library. Beside them stand the cells and the
verdict of the gates; spec and cells are validated again on loading, and the design is made from them anew.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from .cells import Cells, Rows
from .choices import Choices
from .design import Design
from .dims import coords_of, dims_of
from .errors import AcError, IntegrityError, StoreError
from .fitting import Fit
from .gates import Diagnosis
from .identify import make_design
from .respondents import People
from .sealed import read_sealed, write_sealed
from .sliders import Inside
from .sources import DataReport, ReportLine, Topline
from .spec_file import spec_from_toml, spec_to_toml
from .studies import cells_digest

KIND = "fit"
_CELLS, _DIAGNOSIS = "/cells", "/diagnosis"
_DATA, _SPEC = "data_digest", "spec"
_REMEDY = "restore it from a copy, or fit again"


def save(fit: Fit, path: str | Path) -> Path:
    """Save a fit as one netCDF file, with everything it came from, whole or not at all.

    ``xarray.open_datatree`` or ``arviz.from_netcdf`` read its draws without this library: groups ``posterior,
    sample_stats, observed_data, constant_data`` with named dims and coordinates. Nothing in it is run on loading. It
    holds the counts of all cells, small ones too: what ``alliancecred run`` writes is meant for others, this is not.

    Parameters
    ----------
    fit
        Any fit, also an interrupted one (``IncompleteFitError.partial``): it stays marked as partial.
    path
        The file; by custom it ends in ``.nc``. An older one is replaced only when the new one is whole on disk.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    StoreError
        If it could not be written (the old file is untouched), or draws are not finite.

    Examples
    --------
    >>> import tempfile
    >>> import alliancecred as ac
    >>> truth = ac.simulate("retrenchment_simulated").truth
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     same = ac.load(ac.save(truth, f"{folder}/truth.nc"))
    >>> same.spec == truth.spec
    True
    """
    if broken := _not_finite(fit.idata["posterior"].to_dataset()):
        raise StoreError(f"draws of {', '.join(broken[:5])} are not finite: nothing was written → fit again")
    groups = {node.path: node.to_dataset(inherit=False) for node in fit.idata.subtree}
    groups |= _cells_groups(fit.cells) | {_DIAGNOSIS: _diagnosis_group(fit.diagnosis)}
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = dict(fit.idata.attrs) | {
        _SPEC: spec_to_toml(fit.spec),
        "spec_digest": fit.spec.digest,
        _DATA: cells_digest(fit.cells),
    }
    return write_sealed(tree, path, KIND)


def load(path: str | Path) -> Fit:
    """Load a fit that `save` wrote; every digest is checked, and every part against the others.

    The digests find damage and careless edits. They are no signature: a file from somebody you do not trust may say
    what its author wants it to say, but it cannot run code or read other files.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Fit
        The same draws, bit for bit.

    Raises
    ------
    StoreError
        If there is no such file, or it holds no fit.
    IntegrityError
        If anything in it has changed, or its parts do not belong together.
    VersionError
        If a newer version wrote it.

    Examples
    --------
    >>> import alliancecred as ac
    >>> ac.load("no_such_file.nc")
    Traceback (most recent call last):
    alliancecred.errors.StoreError: cannot read 'no_such_file.nc': No such file or directory
    """
    path = Path(path)
    tree, _ = read_sealed(path, KIND)  # every format so far reads alike; an older one would be mended here
    try:
        return _fit_in(tree)
    except IntegrityError as error:
        raise IntegrityError(f"{path.name}: {error} → {_REMEDY}") from error
    except (AcError, ArithmeticError, AssertionError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise IntegrityError(f"{path.name}: its parts do not fit together: {str(error)[:300]} → {_REMEDY}") from error


def _fit_in(tree: xr.DataTree) -> Fit:
    groups = {node.path: node.to_dataset(inherit=False) for node in tree.subtree}
    attrs = dict(tree.attrs)
    spec = spec_from_toml(attrs[_SPEC])
    if spec.digest != attrs["spec_digest"]:
        raise IntegrityError("its spec is not the one that was fitted")
    cells = _cells_in(groups)
    if cells_digest(cells) != attrs.pop(_DATA):
        raise IntegrityError("its cells are not those that were fitted")
    design = make_design(spec, cells)
    posterior = groups["/posterior"]
    _check_posterior(posterior, design)
    kept = {k: v for k, v in groups.items() if k != _DIAGNOSIS and not k.startswith(_CELLS)}
    idata = xr.DataTree.from_dict(kept)
    idata.attrs = attrs
    return Fit(spec, cells, design, idata, _diagnosis_in(groups[_DIAGNOSIS]))


def _not_finite(posterior: xr.Dataset) -> list[str]:
    return [str(k) for k, v in posterior.data_vars.items() if not np.isfinite(v.values).all()]


def _check_posterior(posterior: xr.Dataset, design: Design) -> None:
    """Refuse draws that are not of this design: other variables, dims or labels; or that are not finite."""
    dims, coords = dims_of(design), coords_of(design)
    found = {str(k): tuple(map(str, v.dims)) for k, v in posterior.data_vars.items()}
    wanted = {k: ("chain", "draw", *v) for k, v in dims.items()}
    if found != wanted:
        wrong = sorted(k for k in {*found, *wanted} if found.get(k) != wanted.get(k))
        raise IntegrityError(f"draws of {', '.join(wrong[:5])} are not those of its spec and cells")
    for dim in {d for ds in dims.values() for d in ds}:
        if dim not in posterior.coords or posterior[dim].values.tolist() != np.asarray(coords[dim], str).tolist():
            raise IntegrityError(f"labels of {dim!r} are not those of its spec and cells")
    if broken := _not_finite(posterior):
        raise IntegrityError(f"draws of {', '.join(broken[:5])} are not finite")


# --- cells ----------------------------------------------------------------------------------------
def _cells_groups(cells: Cells) -> dict[str, xr.Dataset]:
    rows = cells.rows
    parts = {"codes": (rows.codes, np.int64), "on": (rows.on, float), "weeks": (rows.weeks, float)}
    parts["covariates"] = (rows.covariates, float)
    out = {f"{_CELLS}/{name}": _stack(values, len(rows), kind) for name, (values, kind) in parts.items()}
    data = xr.Dataset({"counts": (("cell", "answer"), cells.counts), "overdispersion": ("share", cells.overdispersion)})
    if cells.unweighted is not None:
        data["unweighted"] = (("cell", "answer"), cells.unweighted)
    if cells.valued is not None:
        data["valued"] = (("cell", "sum"), cells.valued)
    data["scores"] = ("score", np.asarray(cells.scores, dtype=float))
    words = {
        "levels": {k: list(v) for k, v in cells.levels.items()},
        "reports": [asdict(r) for r in cells.reports],
        "toplines": [_topline_table(t) for t in cells.toplines],
    }
    for name, value in words.items():
        text = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        data[name] = (f"{name}_byte", np.frombuffer(text, dtype=np.uint8))
    out[_CELLS] = data
    if cells.people is not None:
        sizes = {"start": "end", "row": "entry", "answer": "entry", "times": "pattern"}
        out[f"{_CELLS}/people"] = xr.Dataset({k: (d, getattr(cells.people, k)) for k, d in sizes.items()})
    if cells.inside is not None:
        out[f"{_CELLS}/inside"] = xr.Dataset({k: ("entry", v) for k, v in vars(cells.inside).items()})
    if (choices := cells.choices) is not None:
        pairs = {"left": ("pair", choices.left), "right": ("pair", choices.right)}
        out[f"{_CELLS}/choices"] = xr.Dataset({**pairs, "counts": (("pair", "won"), choices.counts)})
    return out


def _stack(values: Mapping[str, np.ndarray], rows: int, kind: Any) -> xr.Dataset:
    whole = np.stack(list(values.values())) if values else np.zeros((0, rows))
    names = np.asarray(list(values), dtype=str)
    return xr.Dataset({"values": (("name", "place"), whole.astype(kind)), "names": ("name", names)})


def _cells_in(groups: Mapping[str, xr.Dataset]) -> Cells:
    data = groups[_CELLS]
    arrays = {str(k): v.values for k, v in data.data_vars.items()}
    text = {k: json.loads(arrays[k].tobytes()) for k in ("levels", "reports", "toplines")}
    levels = {k: tuple(v) for k, v in text["levels"].items()}
    toplines = tuple(_topline_in(t) for t in text["toplines"])
    rows = Rows(*(_unstack(groups[f"{_CELLS}/{name}"]) for name in ("codes", "on", "weeks", "covariates")))
    size = len(arrays["counts"]) + len(toplines)
    for factor, codes in rows.codes.items():
        if len(codes) != size or not ((codes >= 0) & (codes < len(levels[factor]))).all():
            raise IntegrityError(f"codes of {factor!r} are not among its levels")
    if not len(toplines) == len(arrays["overdispersion"]):
        raise IntegrityError("its published shares are not all there")
    people, inside, choices = (groups.get(f"{_CELLS}/{name}") for name in ("people", "inside", "choices"))
    return Cells(
        levels=levels,
        rows=rows,
        counts=arrays["counts"],
        toplines=toplines,
        overdispersion=arrays["overdispersion"],
        reports=tuple(
            DataReport(r["source"], tuple(ReportLine(**line) for line in r["lines"])) for r in text["reports"]
        ),
        people=None if people is None else People(*(people[k].values for k in ("start", "row", "answer", "times"))),
        inside=None if inside is None else Inside(*(inside[k].values for k in ("row", "share", "times"))),
        unweighted=arrays.get("unweighted"),
        scores=tuple(arrays["scores"].tolist()),
        valued=arrays.get("valued"),
        choices=None if choices is None else Choices(*(choices[k].values for k in ("left", "right", "counts"))),
    )


def _unstack(data: xr.Dataset) -> dict[str, np.ndarray]:
    return {str(k): v for k, v in zip(data["names"].values, data["values"].values, strict=True)}


def _topline_table(topline: Topline) -> dict[str, Any]:
    values = vars(topline) | {"labels": dict(topline.labels)}
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()}


def _topline_in(table: Mapping[str, Any]) -> Topline:
    lists = {k: tuple(table[k]) for k in ("lower", "upper", "published")}
    arrays = {k: None if table[k] is None else np.asarray(table[k]) for k in ("n", "n_weight", "se")}
    groups = tuple(tuple(g) for g in table["groups"])
    return Topline(**{**table, **lists, **arrays, "groups": groups})


# --- the verdict ----------------------------------------------------------------------------------
def _diagnosis_group(diagnosis: Diagnosis) -> xr.Dataset:
    table = diagnosis.table
    numbers = {str(k): ("scalar", table[k].to_numpy(dtype=float)) for k in table if k != "variable"}
    data = xr.Dataset({"variable": ("scalar", np.asarray(table["variable"], dtype=str)), **numbers})
    facts = {k: v for k, v in vars(diagnosis).items() if k != "table"} | {"columns": list(map(str, table))}
    return data.assign_attrs(facts=json.dumps(facts))


def _diagnosis_in(data: xr.Dataset) -> Diagnosis:
    facts = json.loads(data.attrs["facts"])
    columns = facts.pop("columns")
    table = pd.DataFrame({k: data[k].values for k in columns}, columns=columns)
    if "variable" in table:
        table["variable"] = table["variable"].astype(object)
    lists = {k: tuple(facts[k]) for k in ("bfmi", "problems")}
    return Diagnosis(table, **(facts | lists))
