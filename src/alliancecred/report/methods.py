"""Sections of a report for the reviewer: data, model, priors, checks, provenance, words."""

from collections.abc import Hashable, Mapping
from typing import Any

from ..gates import Diagnosis
from ..markup import Html, bullets, details, download, el, join, link, pairs, section, table
from ..sources import DataReport
from ..spec import Spec
from ..summaries import number, opened, signal_facts
from .contents import Contents
from .few import moved
from .findings import heading_of, row_labels
from .left_out import left_out
from .literature import checklist, method_references
from .mathematics import mathematics
from .misfits import misfits
from .paragraph import methods_paragraph
from .provenance import ENGINES
from .reliance import reliance
from .rounding import with_interval
from .words import GLOSSARY, model_words, priors_table

_LONG = 6


def data(contents: Contents) -> Html:
    """Return what was read, and what became of every row."""
    spec = contents.spec
    shown = [_report(r) for r in contents.fit.cells.reports]
    waves = [[w.name, w.start.isoformat(), w.end.isoformat()] for w in spec.waves]
    signals = [
        f"{s.name}: {signal_facts(s, spec)}. Exposed: {', '.join(map(spec.label, s.countries)) or 'all countries'}."
        for s in spec.signals
    ]
    parts = [el("p", f"Source: {contents.source}.".replace("..", "."))]
    parts += [table(("Wave", "From", "To"), waves, caption="Fieldwork")] if waves else []
    parts += [el("h3", "Signals"), bullets(signals)] if signals else []
    answers = ", ".join(f"“{a}”" for a in spec.answers)
    top = " or ".join(f"“{a}”" for a in spec.top)
    if (slider := spec.slider) is not None:
        parts.append(el("p", f"Answers on a slider from {slider.low:g} to {slider.high:g}, in four parts."))
    parts.append(el("p", f"Answers, in order: {answers}. Counted as {_counted(spec)}: {top}."))
    return section("Data", shown, parts, _alerts(contents), anchor="data")


def _report(report: DataReport) -> Html:
    rows = [[line.what, line.action, f"{line.count:,}"] for line in report.lines]
    return table(("", "What happened", "Rows"), rows, numbers=(2,), caption=f"Every row of {report.source}")


def _alerts(contents: Contents) -> Html:
    notes = [opened(note, contents.spec) for note in contents.fit.design.notes]
    return join(
        el("h3", "What was merged, left out, or rests on the prior"),
        bullets(notes) or el("p", "Nothing."),
        el("h3", "Warnings raised on the way"),
        bullets(contents.warnings) or el("p", "None."),
    )


def model(contents: Contents) -> Html:
    """Return the model in words with its priors, and what they say beside the posterior."""
    design = contents.fit.design
    more = [part(contents) for part in (_prior_posterior, reliance, moved)]
    return section(
        "Model",
        model_words(design),
        mathematics(contents),
        priors_table(design),
        *more,
        anchor="model",
    )


def _prior_posterior(contents: Contents) -> Html:
    if contents.prior is None:
        return Html("")
    parts, start = [], 0
    for estimand, estimate, rows in contents.asked:
        prior, post = contents.prior.iloc[start : start + len(rows)].to_dict("records"), rows.to_dict("records")
        start += len(rows)
        unit = estimate.unit
        body = [
            [
                label,
                with_interval(prior[i], unit),
                number(float(prior[i]["sd"])),
                with_interval(post[i], unit),
                number(float(post[i]["sd"])),
            ]
            for i, label in enumerate(row_labels(estimand, estimate))
        ]
        caption = f"{heading_of(estimand)}: prior beside posterior, {unit}"
        head = ("", "Prior mean [95 %]", "Prior sd", "Posterior mean [95 %]", "Posterior sd")
        made = table(head, body, numbers=(1, 2, 3, 4), caption=caption)
        parts.append(details(f"{caption} ({len(body)} rows)", made) if len(body) > _LONG else made)
    note = el(
        "p",
        "The same estimands, computed from draws of the prior: what the model said before it saw any data. All rows: ",
        link("prior.csv", "prior.csv"),
        ".",
    )
    return join(el("h3", "What the priors say about the estimands"), note, parts)


def checks(contents: Contents) -> Html:
    """Return the diagnostics of every fit, and the ranks of cells that were left out."""
    fits = [("Main analysis", contents.fit), *((v.variant.name, v.fit) for v in contents.varied)]
    head = (
        "",
        "Engine",
        "Verdict",
        "R-hat max",
        "Pareto k max",
        "Bulk ESS min",
        "Tail ESS min",
        "Divergences",
        "E-BFMI min",
        "Attempts",
    )
    rows = [[name, _engine(f.idata.attrs), *_verdict(f.diagnosis), str(f.idata.attrs["attempts"])] for name, f in fits]
    used = [k for k in range(len(head)) if k < 3 or any(row[k] != "–" for row in rows)]  # what an engine here has
    made = table(
        [head[k] for k in used],
        [[row[k] for k in used] for row in rows],
        numbers=[i for i, k in enumerate(used) if 3 <= k < 10],
        caption="Diagnostics, over every variable and sampled coordinate",
    )
    gates = el(
        "p",
        "Gates, for every variable and every reported estimate: bulk and tail effective sample size (ESS) at least "
        "400; with NUTS, R-hat below 1.01, E-BFMI at least 0.3 and no divergences; with nested Laplace, Pareto k of "
        "the importance weights below 0.7.",
    )
    said = bullets(contents.remarks)
    return section("Checks", made, gates, misfits(contents), left_out(contents), said, anchor="checks")


def _verdict(d: Diagnosis) -> list[str]:
    t = d.table
    low = f"{min(d.bfmi):.2f}" if d.bfmi else "–"
    sizes = [f"{t[k].min():,.0f}" for k in ("ess_bulk", "ess_tail")]
    r_hat, k_hat = (f"{t[k].max():.{n}f}" if k in t else "–" for k, n in (("r_hat", 4), ("k_hat", 2)))
    return [d.status, r_hat, k_hat, *sizes, str(d.divergences) if "r_hat" in t else "–", low]


def _engine(attrs: Mapping[Hashable, Any]) -> str:
    return f"{ENGINES[str(attrs['method'])]}: {attrs['method_reason']}"


def methods(contents: Contents) -> Html:
    """Return the paragraph for a paper, and where each step of the reporting guidelines is found on the page."""
    text = methods_paragraph(
        contents.fit,
        contents.estimates,
        predictive=contents.ppc,
        reliance=contents.reliance,
        locked=contents.locked,
    )
    rows = [
        (step, what, el("a", where, attrs={"href": f"#{where}"})) for step, what, where in checklist(contents.estimates)
    ]
    return section(
        "Methods",
        el("p", "For a paper; follows the Bayesian analysis reporting guidelines (Kruschke 2021). ", _as_text(text)),
        el("blockquote", text),
        table(("Step", "What there is", "Section"), rows, caption="The guidelines, step by step"),
        anchor="methods",
    )


def _as_text(text: str) -> Html:
    return download("Download as text", "methods.txt", (text + "\n").encode("utf-8", "backslashreplace"), "text/plain")


def references(contents: Contents) -> Html:
    """Return the references of the spec and of the methods."""
    used = method_references(contents.fit, reliance=contents.reliance is not None)
    return section("References", bullets([*contents.spec.references, *used]), anchor="references")


def glossary() -> Html:
    """Return what the words of the field mean here."""
    return section("Words", pairs(GLOSSARY), anchor="words")


def _counted(spec: Spec) -> str:
    return "top answers" if spec.declared else "credible"
