"""The figure and the page of `make bench`, from its results."""

import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt

AXES = {
    "answers": ("answers", "answers (192 cells)"),
    "cells": ("cells", "cells (up to 1,324 effects)"),
    "groups": ("latents", "effects (6 to 96 countries)"),
    "draws": ("draws", "draws (192 cells)"),
}
STYLE = {"laplace": ("#0072b2", "o", "nested Laplace"), "nuts": ("#d55e00", "s", "NUTS")}


def write_figure(results: dict[str, Any], path: Path) -> None:
    """Seconds of a fit against what grows, one panel each, both axes logarithmic."""
    with mpl.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        figure, panels = plt.subplots(1, 4, figsize=(10, 2.8), sharey=True, layout="constrained")
        for panel, (axis, (what, label)) in zip(panels, AXES.items(), strict=True):
            for method, (colour, marker, _) in STYLE.items():
                rows = [r for r in results["growth"] if r["axis"] == axis and r["method"] == method]
                panel.plot([r[what] for r in rows], [r["seconds"] for r in rows], color=colour, marker=marker, ms=4)
            panel.set(xscale="log", yscale="log", xlabel=label)
            panel.grid(alpha=0.3, which="major")
            panel.set_yticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
            panel.minorticks_off()
            values = sorted({r[what] for r in results["growth"] if r["axis"] == axis})
            panel.set_xticks(values, map(_short, values))
        panels[0].set_ylabel("seconds of a fit")
        shown = [style for method, style in STYLE.items() if any(r["method"] == method for r in results["growth"])]
        handles = [plt.Line2D([], [], color=c, marker=m, ms=4, label=name) for c, m, name in shown]
        panels[1].legend(handles=handles, frameon=False, loc="upper left")
        figure.savefig(path, dpi=200, metadata={"Software": "alliancecred"})
        plt.close(figure)


def _short(value: float) -> str:
    """Two digits and a unit: 150k."""
    for size, unit in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if value >= size:
            return f"{float(f'{value / size:.2g}'):g}{unit}"
    return f"{value:g}"


def write_page(results: dict[str, Any], path: Path) -> None:
    """The same in words and tables."""
    start = results["start_up"]
    study = results["study"]
    text = f"""
    # Benchmarks

    Written by `make bench` on {results["date"]}: {results["machine"]}, Python {results["python"]}. Every run stands in
    [results.json](../benchmarks/results.json).

    ## The canonical problem

    200 cells (6 countries, 8 allies, 4 waves, elites in one), levels and shifts of country, ally and dyad, correlated:
    `1 + post·us + elite·us + (1 + post | country) + (1 + post | ally) + (1 + post | country:ally)`, 4 × 1,000 draws.
    Medians; the contestants took turns in one run. *Fit* is from data to posterior in a fresh process, compilation
    included where there is any; *process* adds start and imports, and for alliancecred a second fit; *ratio* is fit
    over a fit of alliancecred's nested Laplace in a process that has fitted before ({_seconds(results)} s).

    {{canonical}}

    lme4 and glmmTMB give a mode, not a posterior.

    From the start of a process to a posterior that passed its gates, seconds. *Build* of alliancecred's NUTS holds the
    rough fit that shapes the sampler; *compile* is what the first sampling of a process takes longer than its second;
    alliancecred's own functions are loaded from the cache on disk in one of the two; bambi's posterior is not judged.

    {{split}}

    ## Growth

    ![Seconds of a fit against answers, cells, effects and draws](figures/bench.png)

    Simulated data, one fit each; where R-hat asked for a second, longer attempt, both count. Cells are counts, so
    answers cost nothing.

    {{growth}}

    ## Start

    `python -c pass` takes {start["python"]:.2f} s, with `import alliancecred` {start["import_alliancecred"]:.2f} s.

    ## Studies

    {study["fits"]} fits of the canonical size on {results["machine"].split(", ")[1]}: {study["seconds"]:.0f} s with the
    workers' start, {study["seconds_per_fit"]:.2f} s a fit; {study["failed_gates"]} missed their gates.
    `python benchmarks/study.py 1000` runs a thousand.
    """
    text = textwrap.dedent(text).strip() + "\n"
    path.write_text(text.format(canonical=_canonical(results), split=_split(results), growth=_growth(results)))


def _seconds(results: dict[str, Any]) -> str:
    return f"{results['medians']['alliancecred, nested Laplace']['second_fit']:.2f}"


def _canonical(results: dict[str, Any]) -> str:
    head = ["", "fit, s", "sampling, s", "process, s", "smallest bulk ESS", "divergences", "ratio"]
    rows = []
    for name, m in results["medians"].items():
        ratio = results["ratios_to_nested_laplace"].get(name, {}).get("fit_over_second_fit")
        ess = m.get("ess_min")
        rows.append(
            [
                name,
                f"{m['fit']:.1f}",
                f"{m['sampling']:.1f}" if "sampling" in m else "–",
                f"{m['process']:.1f}",
                f"{ess:,.0f}" if ess else "–",
                f"{m['divergences']:.0f}" if "divergences" in m else "–",
                f"{ratio:.0f}" if ratio else "–",
            ]
        )
    return _table(head, rows)


def _split(results: dict[str, Any]) -> str:
    head = ["", "import and read", "build", "compile", "sample", "judge", "whole"]
    rows = []
    for name, m in results["medians"].items():
        if "import_and_read" not in m or "sampling" not in m:
            continue
        judging, first = m.get("judging", 0.0), m.get("first_sampling", m["sampling"])
        build = m.get("build", m["fit"] - first - judging)
        rest = m["fit"] - build - m["sampling"] - judging
        numbers = (m["import_and_read"], build, rest, m["sampling"], judging, m["whole"])
        rows.append([name, *(f"{max(n, 0.0):.1f}" for n in numbers)])
    return _table(head, rows)


def _growth(results: dict[str, Any]) -> str:
    head = ["grows", "method", "cells", "answers", "effects", "draws", "seconds", "smallest ESS", "largest Pareto k"]
    rows = [
        [
            r["axis"],
            STYLE[r["method"]][2],
            f"{r['cells']:,}",
            f"{r['answers']:,}",
            f"{r['latents']:,}",
            f"{r['draws']:,}",
            f"{r['seconds']:.1f}",
            f"{r['ess_min']:,}",
            f"{r['k_hat_max']:.2f}" if r["k_hat_max"] is not None else "–",
        ]
        for r in results["growth"]
    ]
    return _table(head, rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
