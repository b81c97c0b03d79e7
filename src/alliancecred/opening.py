"""The sources a spec declares, opened: files beside the spec, and nothing outside its folder."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PureWindowsPath

from .errors import Problem, SpecError, nearest, raise_spec
from .files import digest_of
from .fitting import Fit
from .level_maps import LevelMap
from .means import read_means
from .origins import MeanFile, PopulationFile, Simulation, SurveyFile, ToplineFile
from .populations import Population, read_population
from .simulation import Simulated, simulate
from .sources import Roles, Survey, Toplines
from .spec import Spec
from .spec_file import models_dir
from .survey import read_survey
from .toplines import read_toplines


@dataclass(frozen=True)
class Opened:
    """Sources of an analysis, ready to fit.

    Parameters
    ----------
    sources
        What the doors let in.
    truth
        The known truth, if one of them was simulated.
    files
        Path (as declared) and SHA-256 of each file.
    population
        The people to poststratify to, if the spec declares them.
    """

    sources: tuple[Survey | Toplines, ...]
    truth: Fit | None = None
    files: tuple[tuple[str, str], ...] = ()
    population: Population | None = None


def folder_of(spec: Spec | str | Path) -> Path:
    """Return the folder the paths in a spec are relative to: that of its file, or the current one."""
    if isinstance(spec, Spec):
        return Path()
    path = Path(spec)
    return path.parent if path.suffix == ".toml" or path.exists() else models_dir()


def given(sources: Sequence[Survey | Toplines | Simulated]) -> Opened:
    """Return sources that were handed over instead of declared.

    Examples
    --------
    >>> given([]).files
    ()
    """
    simulated = [s for s in sources if isinstance(s, Simulated)]
    plain = tuple(s.survey if isinstance(s, Simulated) else s for s in sources)
    return Opened(plain, simulated[0].truth if len(simulated) == 1 else None)


def open_sources(spec: Spec, folder: str | Path, say: Callable[[str], None] = lambda text: None) -> Opened:
    """Open every source a spec declares, its paths relative to ``folder``.

    Raises
    ------
    SpecError
        If a path leaves the folder or is no file, or a source is declared wrongly; all are listed.
    DataError
        If what a file holds cannot be used.
    """
    if not spec.sources:
        raise SpecError("the spec declares no sources: there is nothing to fit → add [[sources]]")
    problems = [p for i, s in enumerate(spec.sources) for p in _problems(s, Path(folder), f"sources[{i}]")]
    if spec.population is not None:
        problems += _problems(spec.population, Path(folder), "population")
    raise_spec(problems)
    if spec.rating is None and any(isinstance(s, MeanFile) for s in spec.sources):
        raise SpecError("means need the scale they are of → [rating] with low and high")
    if sum(isinstance(s, Simulation) for s in spec.sources) > 1:
        raise SpecError("two simulations in one analysis are not supported yet: put their fieldings together")
    opened: list[Survey | Toplines] = []
    files, truth = [], None
    for source in spec.sources:
        if isinstance(source, Simulation):
            say(f"simulating a survey (seed {source.seed})")
            made = simulate(spec)
            opened.append(made.survey)
            truth = made.truth
            continue
        say(f"reading {source.path}")
        path = Path(folder) / source.path
        files.append((source.path, digest_of(path)))
        opened.append(_read(source, path, spec))
    people = None
    if spec.population is not None:
        say(f"reading {spec.population.path}")
        files.append((spec.population.path, digest_of(Path(folder) / spec.population.path)))
        people = open_population(spec.population, folder)
    return Opened(tuple(opened), truth, tuple(files), people)


def open_population(declared: PopulationFile, folder: str | Path) -> Population:
    """Open the table of people a spec declares, its path relative to ``folder``; refuses what `open_sources` does."""
    raise_spec([*_problems(declared, Path(folder), "population")])
    return read_population(
        Path(folder) / declared.path,
        keys=dict(declared.keys),
        size=declared.size,
        levels=_maps(declared.levels),
        share=declared.share,
        source=declared.source or declared.path,
    )


def _maps(levels: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]) -> tuple[LevelMap, ...]:
    return tuple(LevelMap(key, labels) for key, labels in levels)


def _read(source: ToplineFile | MeanFile | SurveyFile, path: Path, spec: Spec) -> Survey | Toplines:
    if isinstance(source, ToplineFile):
        return read_toplines(
            path, answers=spec.answers, top=spec.top, overdispersion=source.overdispersion, exclude=source.exclude
        )
    if isinstance(source, MeanFile):
        assert spec.rating is not None  # checked by `_problems`
        return read_means(path, rating=spec.rating, answers=spec.answers, exclude=source.exclude)
    given_roles = dict(source.roles)
    roles = Roles(*(given_roles.get(f.name) for f in fields(Roles)))
    return read_survey(
        path,
        roles=roles,
        answers=spec.answers,
        top=spec.top,
        constants=dict(source.constants),
        missing=source.missing,
        traits=dict(source.traits),
        slider=spec.slider,
        dont_know=source.dont_know,
        levels=_maps(source.levels),
    )


def _problems(
    source: ToplineFile | MeanFile | SurveyFile | PopulationFile | Simulation, folder: Path, where: str
) -> Iterator[Problem]:
    if isinstance(source, Simulation):
        return
    if wrong := path_problem(source.path, folder):
        remedy = "name a file beside the spec, or say where it lies (--data FOLDER)"
        yield Problem("schema", f"{where}.path", f"{source.path!r} {wrong}", (), remedy)
    if isinstance(source, SurveyFile):
        known = [f.name for f in fields(Roles)]
        for role, _ in source.roles:
            if role not in known:
                yield Problem("schema", f"{where}.roles", f"unknown role {role!r}", (), nearest(role, known))


def path_problem(path: str, folder: Path) -> str:
    r"""Return what is wrong with a path inside a spec, or nothing.

    Examples
    --------
    >>> path_problem("../secret.csv", Path()), path_problem("/etc/hosts", Path())
    ('leads out of the folder of the spec', 'is not a relative path')
    """
    windows = PureWindowsPath(path)
    if not path or not path.isprintable():
        return "is no path"
    if path.startswith(("/", "~")) or windows.drive or windows.root or "://" in path:
        return "is not a relative path"
    if ".." in windows.parts or "\\" in path:
        return "leads out of the folder of the spec"
    try:
        real = (folder / path).resolve(strict=True)
    except (OSError, RuntimeError):
        return "does not exist"
    if not real.is_relative_to(folder.resolve()):
        return "leads out of the folder of the spec"
    return "" if real.is_file() else "is no file"
