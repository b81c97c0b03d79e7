"""A simulated survey as files that an analysis can be run on: answers, the truth, and a spec that names them."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from .asking import evaluate
from .errors import SpecError
from .estimate import Estimate
from .files import make_folder
from .origins import MeanFile, SurveyFile
from .simulation import Simulated, simulate
from .sources import CHOICE_SET, DATE, VALUE, WEIGHT, Roles, Survey, Toplines
from .spec import Spec
from .spec_file import as_spec
from .store import write_spec
from .summaries import safe_cell, write_csv
from .terms import FACTORS

DATA, TRUTH, PARAMETERS, SPEC = "survey.csv", "truth.csv", "parameters.csv", "spec.toml"
_ROLES = {f.name for f in fields(Roles)}


def write_simulated(spec: Spec | str | Path, folder: str | Path, *, random_seed: int | None = None) -> tuple[Path, ...]:
    """Simulate the survey a spec declares and write it where the spec can be run on it.

    Parameters
    ----------
    spec
        A `Spec` with a `Simulation` among its sources, a TOML file, or the name of a shipped model.
    folder
        It is made if it is not there. Written are ``survey.csv`` (the answers), ``truth.csv`` (every declared
        estimand), ``parameters.csv`` (every parameter) and ``spec.toml``: the same analysis with ``survey.csv`` as its
        source, its title beginning with SIMULATED.
    random_seed
        Seed; None means that of the spec.

    Returns
    -------
    tuple
        The four files.

    Raises
    ------
    SpecError
        If the spec declares no simulation, or other sources beside it.
    StoreError
        If the folder cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [p.name for p in write_simulated("retrenchment_simulated", folder)]
    ['survey.csv', 'truth.csv', 'parameters.csv', 'spec.toml']
    """
    parsed = as_spec(spec)
    if not parsed.simulated:
        raise SpecError(
            f"{parsed.name} declares no simulation → give it a source of kind 'simulation', or take a simulated model"
        )
    if len(parsed.sources) > 1:
        raise SpecError(
            f"{parsed.name} has {len(parsed.sources)} sources, and a survey stands for all of its data → leave the "
            "simulation as its only source"
        )
    out = make_folder(folder)
    made = simulate(parsed, random_seed=random_seed)
    table, source = _table(made.survey, parsed)
    runnable = replace(parsed, sources=(source,), title=_marked(parsed), variants=())
    truths = [_truth(evaluate(made.truth, e)) for e in parsed.estimands]
    known = pd.concat(truths, ignore_index=True).fillna("") if truths else pd.DataFrame(columns=["estimand", "truth"])
    return (
        write_csv(table, out / DATA),
        write_csv(known, out / TRUTH),
        write_csv(_parameters(made), out / PARAMETERS),
        write_spec(runnable, out / SPEC),
    )


def _marked(spec: Spec) -> str:
    title = spec.title or spec.name
    return title if "simulated" in title.lower() else f"SIMULATED: {title}"


def _table(survey: Survey | Toplines, spec: Spec) -> tuple[pd.DataFrame, SurveyFile | MeanFile]:
    """Return the answers with the columns that say something, and the source that reads them."""
    if isinstance(survey, Toplines):
        return _means(survey), MeanFile(DATA)
    table = survey.table
    answer = table["answer"].map(dict(enumerate(survey.answers)))
    out = {f: table[f] for f in FACTORS if table[f].ne("").any()}
    out |= {t: table[t] for t in survey.traits} | {"answer": table.get(VALUE, answer)}
    out |= {k: table[k] for k in (WEIGHT, DATE, CHOICE_SET) if k in table}
    out |= {"respondent": table["respondent"]} if table["respondent"].ne("").any() else {}
    out |= {"count": table["count"]} if table["count"].ne(1).any() else {}
    frame = pd.DataFrame(out)
    known = ((c, _renamed(frame[c])) for c in frame if c in FACTORS or c == "answer" or c in survey.traits)
    source = SurveyFile(
        DATA,
        roles=tuple((c, c) for c in map(str, frame) if c in _ROLES),
        traits=tuple((t, t) for t in survey.traits),
        levels=tuple((str(c), pairs) for c, pairs in known if pairs),
    )
    return frame, source


def _renamed(column: pd.Series) -> tuple[tuple[str, str], ...]:
    """Return every label with what it is in the file, if a spreadsheet would take one of them for a formula."""
    pairs = tuple((str(safe_cell(x)), x) for x in column.unique() if isinstance(x, str))
    return pairs if any(written != x for written, x in pairs) else ()


def _means(means: Toplines) -> pd.DataFrame:
    rating = means.rating
    if rating is None:  # simulated surveys are people or means
        raise SpecError("published percentages are not simulated")
    width = rating.high - rating.low
    rows: list[dict[str, object]] = []
    for t in means.rows:
        se = np.asarray(t.se, dtype=float) if t.se is not None else np.zeros(1)
        labels = {k: v for k, v in t.labels.items() if v}
        rows.append(
            {
                **labels,
                "mean": rating.low + width * t.lower[0],
                "precision": "exact",
                "se": width * float(se @ t.n_weight),
            }
        )
    return pd.DataFrame(rows)


def _truth(estimate: Estimate) -> pd.DataFrame:
    rows = pd.DataFrame([estimate.labels(i) for i in range(len(estimate))], columns=list(estimate.keys), dtype=object)
    return rows.assign(truth=estimate.draws.mean(("chain", "draw")).to_numpy(), unit=estimate.unit)


def _parameters(made: Simulated) -> pd.DataFrame:
    rows: list[tuple[str, str, float]] = []
    posterior = made.truth.posterior.isel(chain=0, draw=0)
    for name, array in posterior.data_vars.items():
        for place, value in np.ndenumerate(array.values):
            labels: Sequence[str] = [str(array[d].values[i]) for d, i in zip(array.dims, place, strict=True)]
            rows.append((str(name), ", ".join(labels), float(value)))
    return pd.DataFrame(rows, columns=["parameter", "of", "value"])
