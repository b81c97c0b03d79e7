"""A page per shipped analysis, from its file: question, data, terms, priors, what it gave, what it must reproduce."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path

from alliancecred.origins import Simulation, SurveyFile
from alliancecred.priors import LKJ, Flat, HalfNormal, LogNormal, Normal
from alliancecred.spec import Estimand, Spec
from alliancecred.spec_file import as_spec, models_dir, shipped_models
from alliancecred.terms import Cuts, Term
from alliancecred.wording import points_at_half, prior_words, term_words

ROOT = Path(__file__).parents[2]
PRIORS = (Normal, HalfNormal, LogNormal, Flat, LKJ)
HEAD = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
---
"""
FIT = {
    "simulated": 'fit = ac.fit("{name}", ac.simulate("{name}").survey, random_seed=1)',
    "published": """\
from alliancecred.opening import open_sources
from alliancecred.spec_file import models_dir

spec = ac.read_spec("{name}")
fit = ac.fit(spec, *open_sources(spec, models_dir()).sources, random_seed=1)""",
}
DRAWN = {"shift": "plot_shift", "marginal_means": "plot_marginal_means", "levels": "plot_waves"}


def data_of(spec: Spec) -> str:
    """Return ``simulated``, ``published`` (the data lie beside the spec) or ``elsewhere``."""
    if any(isinstance(s, Simulation) for s in spec.sources):
        return "simulated"
    there = all((models_dir() / s.path).is_file() for s in spec.sources if not isinstance(s, Simulation))
    return "published" if there else "elsewhere"


def pages() -> Iterator[tuple[str, str]]:
    """Yield path and text of each page."""
    specs = [as_spec(name) for name in shipped_models()]
    yield "index.md", _catalogue(specs)
    for spec in specs:
        yield f"{spec.name}.md", "\n".join(_page(spec)) + "\n"


def _catalogue(specs: Sequence[Spec]) -> str:
    words = {"simulated": "simulated, truth known", "published": "come with the package", "elsewhere": "elsewhere"}
    rows = [
        (f"[{spec.name}]({spec.name}.md)", spec.title, f"{len(spec.answers)}", words[data_of(spec)]) for spec in specs
    ]
    lines = [
        "# Shipped analyses",
        "",
        "An analysis is a file: the question, the data, the terms with their priors, what is reported. These come with",
        "the package; `alliancecred models` lists them, `alliancecred run NAME` runs them. Pages are made from files.",
        "",
        *_table(("name", "what it asks", "answers", "data"), rows),
        "",
        "```{toctree}",
        ":hidden:",
        "",
        *(spec.name for spec in specs),
        "```",
        "",
    ]
    return "\n".join(lines)


def _page(spec: Spec) -> Iterator[str]:
    kind = data_of(spec)
    text = (models_dir() / f"{spec.name}.toml").read_text(encoding="utf-8")
    if kind != "elsewhere":
        yield HEAD
    yield from (f"# {spec.title}", "", f"> {spec.question}", "", *_comment(text), "")
    yield from ("## What was asked, of whom", "", *_asked(spec), "")
    if kind != "elsewhere":
        yield from ("## Run it", "", *_run(spec, kind), "")
    yield from ("## The model", "", f"{_family(spec)} of a sum of terms:", "")
    yield from (f"1. {term_words(term, spec)}" for term in spec.terms)
    yield from ("", "### Priors", "", *_priors(spec), "", "## What is reported", "", *_estimands(spec), "")
    yield from _reproduces(spec)
    if spec.references:
        yield from ("## References", "", *(f"- {r}" for r in spec.references), "")
    yield from ("## The file", "", f":::{{dropdown}} models/{spec.name}.toml ({len(text.splitlines())} lines)")
    yield from (f":::{{literalinclude}} ../../models/{spec.name}.toml", ":language: toml", ":::", ":::")


def _comment(text: str) -> Iterator[str]:
    """The comment on top of the file; lines that stand in are commands, which need data that are not there."""
    lines = [line[1:] for line in text[: text.index("schema =")].splitlines()]
    for line in lines:
        if line.startswith("     "):
            yield from ("", "<!-- not run: the data are not part of this project -->", "```sh", line.strip(), "```", "")
        else:
            yield line.strip().replace("<", "\\<").replace("_", "\\_")


def _asked(spec: Spec) -> Iterator[str]:
    full = dict(spec.names)

    def named(codes: Iterable[str]) -> str:
        return ", ".join(full.get(c, c) for c in codes)

    yield f"- **Answers**: {'; '.join(spec.answers)}. As credible count: {'; '.join(spec.top)}."
    if spec.countries:
        yield f"- **Countries**: {named(spec.countries)}."
    if spec.allies and not spec.attributes:
        yield f"- **Allies that are judged**: {named(spec.allies)}."
    if spec.waves:
        yield "- **Waves**: " + "; ".join(f"{w.name} ({w.start} to {w.end})" for w in spec.waves) + "."
    for s in spec.signals:
        yield f"- **Signal** {s.name}: {named([s.sender])}, {s.date}, {s.kind}, {s.direction}."
    for a in spec.attributes:
        yield f"- **Varied at random**, {full.get(a.name, a.name)}: {'; '.join(named([x]) for x in a.levels)}."
    for g in spec.groups:
        yield f"- **Group of people**, {full.get(g.name, g.name)}: {'; '.join(named([x]) for x in g.levels)}."
    if len(spec.populations) > 1:
        yield f"- **Populations**: {named(spec.populations)}."
    for source in spec.sources:
        if isinstance(source, SurveyFile):
            roles = ", ".join(f"{role} = `{column}`" for role, column in source.roles)
            yield f"- **File**: `{source.path}` with the columns {roles}."
        elif not isinstance(source, Simulation):
            yield f"- **File**: {{download}}`{source.path} <../../models/{source.path}>`."


def _run(spec: Spec, kind: str) -> Iterator[str]:
    yield from ("Look at it without sampling:", "", "```sh", f"alliancecred check {spec.name}", "```", "")
    yield from ("Fit it and write report, figures, tables and draws:", "")
    yield "<!-- not run: it takes a minute or more; tests run the check above and the fit below -->"
    yield from ("```sh", f"alliancecred run {spec.name} --out out/{spec.name}", "```", "", "Or by hand:", "")
    number, asked = _drawn(spec)
    yield from ("```{code-cell} ipython3", "---", "mystnb:", "  image:")
    yield f"    alt: {asked.name or asked.of} of the analysis {spec.name}, by {', '.join(asked.by) or 'attribute'}"
    yield from ("---", "import alliancecred as ac", "", FIT[kind].format(name=spec.name))
    yield f"answer = ac.evaluate(fit, fit.spec.estimands[{number}])"
    yield from (f"ac.{DRAWN[asked.of]}(answer)", "```")


def _drawn(spec: Spec) -> tuple[int, Estimand]:
    """The estimand whose figure stands on the page: a shift by country, marginal means, or levels by wave."""
    for of, by in (("shift", ("country",)), ("marginal_means", ()), ("levels", ("country", "wave"))):
        for i, e in enumerate(spec.estimands):
            if (e.of, e.by) == (of, by):
                return i, e
    raise ValueError(f"{spec.name}: none of its estimands has a figure; add one to _drawn in docs/_ext/models.py")


def _family(spec: Spec) -> str:
    if spec.slider is not None:
        return "Ordered beta regression (Kubinec 2023)"
    if spec.gaussian is not None:
        return "Normal answers, linear"
    if spec.forced_choice:
        return "Choice of one of two profiles: logit⁻¹ of the difference"
    return "Logit⁻¹" if len(spec.answers) == 2 else "Cumulative logit"


def _priors(spec: Spec) -> Iterator[str]:
    """Every prior of the file; `points` are those of an effect where half of the people find the promise credible."""
    rows = [("intercept", *_prior(spec.intercept))]
    for number, term in enumerate(spec.terms, 1):
        effect = not isinstance(term, Cuts)  # spacings of cuts are no effects
        rows += [(f"term {number}: {name}", *_prior(value, effect)) for name, value in _used(term)]
    for signal in spec.signals:
        rows += [
            (f"signal {signal.name}: {f.name}", *_prior(getattr(signal.form, f.name)))
            for f in fields(signal.form)
            if isinstance(getattr(signal.form, f.name), PRIORS)
        ]
    for part in (spec.slider, spec.gaussian):
        if part is not None:
            rows += [
                (f.name, *_prior(getattr(part, f.name), False))
                for f in fields(part)
                if isinstance(getattr(part, f.name), PRIORS)
            ]
    unit = "points of the scale" if spec.gaussian is not None else "logit"
    yield f"On the scale of the model ({unit}). *Scale* is the standard deviation of a pooled effect over its groups;"
    yield "points are those of one effect where the share is 50 %: its 95 % interval before any data."
    yield ""
    yield from _table(("quantity", "prior", "95 % of effects, points"), rows)


def _used(term: Term) -> Iterator[tuple[str, Normal | HalfNormal | LogNormal | Flat | LKJ]]:
    pooled = bool(getattr(term, "by", ()))
    names = {f.name for f in fields(term)}
    for name in (f.name for f in fields(term)):
        value = getattr(term, name)
        idle = {
            "prior": pooled and "scale" in names,
            "scale": not pooled and bool({"prior", "spacing"} & names),
            "correlation": not getattr(term, "correlated", False),
        }
        if isinstance(value, PRIORS) and not idle.get(name, False):
            yield name, value


def _prior(prior: Normal | HalfNormal | LogNormal | Flat | LKJ, effect: bool = True) -> tuple[str, str]:
    if isinstance(prior, LKJ):
        return f"LKJ (η = {prior.eta:g})", "–"
    points = points_at_half(prior) if effect and not isinstance(prior, LogNormal) else None
    return prior_words(prior), "–" if points is None else f"{points[1]:.0f} to {points[2]:.0f}".replace("-", "−")


def _estimands(spec: Spec) -> Iterator[str]:
    rows = []
    for e in spec.estimands:
        told = [f"answer “{e.answer}”"] if e.answer != "top" else []
        told += [f"signal {e.signal}"] if e.signal else []
        told += [f"role {', '.join(e.roles)}"] if e.roles else []
        told += ["self-ratings included"] if e.include_self else []
        told += [f"countries {', '.join(e.countries)}"] if e.countries else []
        told += [" → ".join(e.waves)] if e.waves else []
        told += [f"{e.covariate} at {e.high:g} with {e.low:g}"] if e.covariate else []
        told += [f"{', '.join(e.attributes)}"] if e.attributes else []
        told += [f"between levels of {e.moderator}"] if e.moderator else []
        told += ["over the population"] if e.poststratify else []
        told += [f"smallest effect of interest {e.smallest:g} points"] if e.smallest else []
        rows.append((e.name or e.of, f"{{py:obj}}`~alliancecred.{e.of}`", ", ".join(e.by) or "–", "; ".join(told)))
    yield from _table(("name", "function", "by", "of what"), rows)


def _reproduces(spec: Spec) -> Iterator[str]:
    numbers = tomllib.loads((ROOT / "tests_slow" / "published.toml").read_text(encoding="utf-8")).get(spec.name, [])
    if numbers:
        yield from ("## What it must reproduce", "", "`make slow` compares with `tests_slow/published.toml`:", "")
        rows = [
            (n["what"], _number(n["value"]), f"± {n['within']:g}", n["source"])
            if "value" in n
            else (n["what"], "", "", n["source"])
            for n in numbers
        ]
        yield from (*_table(("quantity", "published", "allowed", "where"), rows), "")
    for source in spec.sources:
        if isinstance(source, Simulation):
            yield from ("## The truth it must find", "", "Scalars on the scale of the model; group effects are drawn")
            yield from (f"with seed {source.seed}.", "")
            rows = [(f"`{name}`", _number(value)) for name, value in source.truth]
            yield from (*_table(("parameter", "truth"), rows), "")


def _number(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(re.sub(r'[|]', '\\\\|', cell) for cell in row)} |"
