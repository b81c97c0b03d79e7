"""What is on the shelf: the analyses that come with the package, the data they need, what was measured of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import Problem, SpecError
from .files import digest_of
from .opening import folder_of, path_problem
from .origins import Simulation
from .spec import Spec
from .spec_file import as_spec, models_dir, shipped_models

MEASURED = "measured.json"
SIMULATED, SHIPPED, NEEDED = "simulated", "shipped", "needs a file"


@dataclass(frozen=True)
class Shelved:
    """A shipped analysis.

    Parameters
    ----------
    name, title, question
        Its own words.
    data
        ``simulated``, ``shipped`` (its files lie beside it) or ``needs a file``.
    files
        Those files.
    seconds, engine
        From the data to the posterior, as measured once, and what drew it; None if it was not measured as it is now.
    reproduced
        Whether tests against numbers from elsewhere passed; None if there is no such test, or it was not run.
    """

    name: str
    title: str
    question: str
    data: str
    files: tuple[str, ...]
    seconds: float | None = None
    engine: str = ""
    reproduced: bool | None = None


def catalogue_of_models() -> tuple[Shelved, ...]:
    """Return the shipped analyses, with what was measured of those that have not changed since."""
    facts = measured()
    return tuple(_shelved(as_spec(name), facts.get(name, {})) for name in shipped_models())


def measured() -> Mapping[str, Mapping[str, Any]]:
    """Return what ``tools/catalogue.py`` found; nothing if it is not there or cannot be read."""
    try:
        found = json.loads((models_dir() / MEASURED).read_text(encoding="utf-8"))["models"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _shelved(spec: Spec, facts: Mapping[str, Any]) -> Shelved:
    files = files_of(spec)
    there = all(not path_problem(f, models_dir()) for f in files)
    data = SIMULATED if spec.simulated else SHIPPED if there else NEEDED
    one = Shelved(spec.name, spec.title, spec.question, data, files)
    if facts.get("spec_sha256") != spec.digest:
        return one
    outcomes = [t["outcome"] for t in facts["tests"]]
    known = all(x == "passed" for x in outcomes) if outcomes and "skipped" not in outcomes else None
    return Shelved(one.name, one.title, one.question, data, files, float(facts["seconds"]), str(facts["engine"]), known)


def files_of(spec: Spec) -> tuple[str, ...]:
    """Return the files an analysis needs, as it declares them.

    Examples
    --------
    >>> files_of(as_spec("microcode_2025")), files_of(as_spec("retrenchment_simulated"))
    (('microcode_2025.csv',), ())
    """
    paths = [s.path for s in spec.sources if not isinstance(s, Simulation)]
    return (*paths, *([spec.population.path] if spec.population is not None else []))


@dataclass(frozen=True)
class Needed:
    """A file that an analysis needs: where it was looked for, and what is there."""

    path: str
    looked: str
    problem: str
    bytes: int = 0
    sha256: str = ""


def needed_files(model: Spec | str | Path, data: str | Path | None = None) -> tuple[Needed, ...]:
    """Return every file an analysis needs, found or not."""
    folder = Path(data) if data is not None else folder_of(model)
    out = []
    for name in files_of(as_spec(model)):
        wrong = path_problem(name, folder)
        path = folder / name
        looked = str(path.resolve() if not wrong else folder.resolve())
        out.append(
            Needed(name, looked, wrong) if wrong else Needed(name, looked, "", path.stat().st_size, digest_of(path))
        )
    return tuple(out)


def missing(files: tuple[Needed, ...]) -> SpecError | None:
    """Return an error that names the files that cannot be used; None if all can."""
    remedy = "get the file from the source named above, then say where it lies: --data FOLDER"
    problems = [Problem("schema", f.path, f"{f.problem} in {f.looked}", (), remedy) for f in files if f.problem]
    return SpecError(problems) if problems else None


def head_of(model: str | Path) -> str:
    """Return the comment at the head of a model's file, which says where its data come from."""
    path = Path(model)
    if path.suffix != ".toml" and not path.exists():
        path = models_dir() / f"{model}.toml"
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" "))
    return "\n".join(lines).strip()
