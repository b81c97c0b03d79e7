"""What sources say together: where they disagree with the spec, their counts in one table, and its levels."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from .errors import Problem, nearest
from .sources import CHOICE_SET, DATE, Survey, Toplines
from .spec import Spec
from .terms import Drift, Trend
from .traits import trait_problems

Levels = Mapping[str, tuple[str, ...]]
_UNWEIGHTED = "read without the weight, and poststratify"


def source_problems(spec: Spec, sources: Sequence[Survey | Toplines]) -> list[Problem]:
    """Return where a spec and its sources disagree."""
    if not sources:
        return [Problem("schema", "sources", "no data were given")]
    out: list[Problem] = []
    for source in sources:
        if not isinstance(source, Survey | Toplines):
            out.append(
                Problem(
                    "schema",
                    "sources",
                    f"{type(source).__name__} is not a Survey or Toplines",
                    (),
                    "read it with read_survey, read_counts or read_toplines",
                )
            )
            continue
        out += trait_problems(spec, source)
        if isinstance(source, Survey) and source.weighted:
            out += [
                Problem("weight", "weight", f"weights do not go with {what} yet", (), _UNWEIGHTED)
                for what, used in (
                    ("a Respondent term", spec.asks_for_people),
                    ("a slider", spec.slider is not None),
                    ("forced choices", spec.forced_choice),
                    ("numbers instead of answers", spec.gaussian is not None and _any_numbers(sources)),
                    ("covariates of people", any(c.of_people for c in spec.used_covariates)),
                )
                if used
            ]
        if (wrong := _slider_problem(spec, source)) is not None:
            out.append(wrong)
        if spec.forced_choice and not (isinstance(source, Survey) and CHOICE_SET in source.table):
            message = f"the spec declares choices between two profiles, {source.report.source} has no choice sets"
            out.append(Problem("outcome", "forced_choice", message, (), "read_survey(roles=Roles(choice_set=…))"))
        if spec.gaussian is not None and isinstance(source, Toplines):
            message = f"normal answers are counted, {source.report.source} was published"
            out.append(
                Problem("outcome", "gaussian", message, (), "leave [gaussian] out, or give the answers of people")
            )
        if spec.rating != getattr(source, "rating", None):
            message = f"the spec declares {spec.rating or 'no rating scale'}, {source.report.source} has another scale"
            out.append(Problem("outcome", "rating", message, (), "read means with read_means(rating=…)"))
        for key in ("answers", "top"):
            if getattr(source, key) != getattr(spec, key):
                message = f"the spec declares {getattr(spec, key)}, {source.report.source} was read with "
                remedy = f"one of the two is wrong: the same {key}, in the same order, in the spec and in reading"
                out.append(Problem("outcome", key, f"{message}{getattr(source, key)}", (), remedy))
        out += _dates_outside(spec, source) if isinstance(source, Survey) else []
        if not len(source):
            out.append(Problem("schema", "sources", f"{source.report.source} has no usable rows"))
    return out


def _any_numbers(sources: Sequence[Survey | Toplines]) -> bool:
    return any("value" in s.table for s in sources if isinstance(s, Survey))


def _dates_outside(spec: Spec, source: Survey) -> list[Problem]:
    """Return the waves whose interviews are of days that the spec does not have them on: one label, two fieldworks."""
    out = []
    for wave in spec.waves if DATE in source.table else ():
        days = source.table.loc[(source.table["wave"] == wave.name).to_numpy(), DATE].to_numpy("datetime64[D]")
        outside = days[(days < np.datetime64(wave.start)) | (days > np.datetime64(wave.end))]
        if len(outside):
            first = ", ".join(map(str, np.unique(outside)[:5]))
            message = f"{len(outside)} interviews are not of {wave.start} to {wave.end}: {first}"
            remedy = "correct the wave's dates, or give each fieldwork a label of its own"
            out.append(Problem("schema", f"waves.{wave.name}", message, (), remedy))
    return out


def _slider_problem(spec: Spec, source: Survey | Toplines) -> Problem | None:
    """Return what is wrong if a source and the spec do not mean the same scale."""
    declared, found = spec.slider, source.slider if isinstance(source, Survey) else None
    if declared is None or found is None:
        if declared is found:
            return None
        message = "the spec declares a slider: numbers are needed" if found is None else "the spec declares no slider"
        return Problem("outcome", "slider", message, (), "read_survey(slider=…) and Spec(slider=…) go together")
    ends = [(s.low, s.high, s.above) for s in (declared, found)]
    if ends[0] == ends[1]:
        return None
    message = f"the spec's slider has low, high, above = {ends[0]}, {source.report.source} was read with {ends[1]}"
    return Problem("outcome", "slider", message, (), "read it with slider=spec.slider")


def count_cells(spec: Spec, surveys: Sequence[Survey], traits: Sequence[str]) -> pd.DataFrame:
    """Return one row per combination of factors and covariates of people, a column of counts per answer."""
    answers, labels = list(range(len(spec.answers))), [*spec.factors, *traits]
    if not surveys:
        return pd.DataFrame(columns=[*labels, *answers])
    tables = pd.concat([s.table[[*labels, "answer", "count"]] for s in surveys], ignore_index=True)
    wide = tables.groupby([*labels, "answer"], observed=True, sort=True)["count"].sum().unstack("answer", fill_value=0)
    return wide.reindex(columns=answers, fill_value=0).reset_index()


def by_level(spec: Spec, counted: pd.DataFrame) -> pd.DataFrame:
    """Sort cells by the order of the levels: waves by date, never by name."""
    levels, problems = levels_of(spec, counted)
    if problems:
        return counted
    order = [counted[f].map({v: i for i, v in enumerate(levels[f])}).to_numpy(dtype=float) for f in spec.factors]
    return counted.iloc[np.lexsort(order[::-1])].reset_index(drop=True)


def levels_of(spec: Spec, table: pd.DataFrame) -> tuple[Levels, list[Problem]]:
    """Return factor → its levels: those declared, or those of the data; and labels that were not declared."""
    declared = {
        "country": spec.countries,
        "ally": spec.allies,
        "target": spec.targets,
        "wave": tuple(w.name for w in sorted(spec.waves, key=lambda w: (w.start, w.end))),
        "population": spec.populations,
    } | {name: factor.levels for name, factor in spec.declared.items()}
    levels, problems = {}, []
    for factor in spec.factors:
        seen = sorted(set(table[factor].astype(str)), key=_natural if factor == "wave" else None)
        if not declared[factor]:
            levels[factor] = tuple(seen)
            continue
        known = set(declared[factor])
        strange = [x for x in seen if x not in known]
        if strange and not (strange == [""] and not _needed(spec, factor)):
            message = f"labels not declared in the spec: {strange[:5]}"
            remedy = f"{nearest(strange[0], declared[factor])}; LevelMap says what is called what, or declare it"
            problems.append(Problem("level", factor, message, (), remedy))
        kept = declared[factor]
        if factor in ("target", "wave", "population"):
            kept = tuple(x for x in declared[factor] if x in seen)
        levels[factor] = kept + (("",) if "" in strange else ())
    return levels, problems


def _natural(label: str) -> tuple[list[tuple[int, str]], str]:
    """Return a key that puts w2 before w10: what waves without dates are listed by; nothing is computed from it."""
    parts = [x.lstrip("0") if x.isdecimal() else x for x in re.split(r"(\d+)", label)]
    return [(len(x) if i % 2 else 0, x) for i, x in enumerate(parts)], label


def _needed(spec: Spec, factor: str) -> bool:
    by = any(factor in getattr(t, "by", ()) or factor in dict(getattr(t, "where", ())) for t in spec.terms)
    by = by or any(factor in c.by for c in spec.covariates)
    by = by or (factor == "wave" and any(isinstance(t, Trend | Drift) for t in spec.terms))
    return by or (factor in ("wave", "ally") and bool(spec.signals))
