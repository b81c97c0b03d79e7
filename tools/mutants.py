"""Plant known bugs, one at a time, and see which fast test notices each.

    python tools/mutants.py             all of them; writes tests/mutants.md
    python tools/mutants.py NAME ...    only those; replaces their rows in tests/mutants.md
    python tools/mutants.py --quick     only the test files a bug names as its likely catchers
    python tools/mutants.py --list      names; says which are stale (their old text is not there exactly once)

Each bug goes into a temporary copy of the project, never into the project. Tests that fail without any bug are
left out and listed, so that they cannot be taken for catchers. Exit code 1 if a bug survives or is stale.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path("src/alliancecred")
REPORT = ROOT / "tests" / "mutants.md"
NOT_COPIED = (".git", ".venv", ".uv", ".hypothesis", "__pycache__", "*_cache", "out", "dist", "build", "*.pyc")
LAST = ("test_survey.py", "test_toplines.py", "test_summary.py", "test_figures.py", "test_doors_fuzz.py")
NEVER = ("test_architecture.py",)  # about the shape of the code and the speed of the machine, not about numbers
PATIENCE = 1800  # seconds for one bug


@dataclass(frozen=True)
class Mutant:
    """A planted bug: in ``file``, ``old`` (there exactly once) becomes ``new``; ``first``: likely catchers."""

    name: str
    file: str
    old: str
    new: str
    first: tuple[str, ...] = ()


# --- the bugs -------------------------------------------------------------------------------------
_LP = ("linear_predictor", "estimands")
_SWEEP = ("sweep", "recover", "kernel")
_KERNEL = ("kernel",)
_LAPLACE = ("laplace",)
_NUTS = ("nuts",)
_PEOPLE = ("respondents",)
_LOO = ("leaving_out",)
_GRIDS = ("grids",)
_STYLE = ("figure_style",)
_END = "        value = value * _matches(rows, levels, factor, _waves(spec, factor, wanted))\n    return value\n"


def _flip(name: str, where: str) -> Mutant:
    """The carrier of one kind of term has the wrong sign, wherever it is used."""
    return Mutant(name, "design.py", _END, _END.replace("return value", f"return -value if {where} else value"), _LP)


_PAPER = ("methods_paragraph", "report")

MUTANTS = (
    # what a report says about the model
    Mutant("shifts of several roles share a symbol", "report/equations.py", "', '.join(map(named, (signal, *roles)))",
           "', '.join(map(named, (signal,)))", _PAPER),
    Mutant("choices have an intercept in mathematics", "report/equations.py", "[] if spec.forced_choice else [first]",
           "[first]", _PAPER),
    Mutant("names are markup in mathematics", "report/equations.py", "escape(_plain(m))", "_plain(m)", _PAPER),
    Mutant("a predictive check looks at one tail", "report/paragraph.py", "(rank < TAIL) | (rank > 1 - TAIL)",
           "(rank < TAIL)", _PAPER),
    Mutant("noted rows are said to be excluded", "report/paragraph.py", 'x.action == "excluded" and',
           'x.action == "noted" and', _PAPER),
    Mutant("gates of estimates one by one", "report/contents.py", " if not part.startswith(OWN))", ")", _PAPER),
    Mutant("roles share a scale in mathematics", "report/equations.py",
           'each = "r " if len(roles) != 1 and not term.together else ""', 'each = ""', _PAPER),
    Mutant("a gap is everybody's in mathematics", "report/equations.py",
           'return rf"[g = {named(population)}]\\,"', 'return ""', _PAPER),
    Mutant("effective sizes for people", "wording.py",
           "asked = cells.counts if cells.unweighted is None else cells.unweighted", "asked = cells.counts", _PAPER),
    Mutant("overdispersed shares are binomial", "report/methods.py",
           '"BetaBinomial" if (cells.overdispersion > 0).any() else ', "", _PAPER),
    Mutant("answers of single people are kept", "kept.py", "if people is None else [people.times]",
           "if people is None else []", ("handout",)),
    Mutant("answers out of order are not warned of", "forewarn.py", "set(last) == set(spec.top)", "True",
           ("bad_inputs",)),
    # memory, and where a search starts
    Mutant("all draws of all counts at once", "lattice.py", "2**20", "2**60", ("outcome",)),
    Mutant("Newton starts at the mode of any step", "engines/laplace.py", "if height > self.height:",
           "if np.isfinite(height):", _LAPLACE),
    # signs of the terms
    _flip("sign: level", "carrier == Carrier()"),
    _flip("sign: shift, sender", "carrier.roles == ('sender',) and not carrier.population"),
    _flip("sign: shift, other", "carrier.roles == ('other',) and not carrier.population"),
    _flip("sign: shift, self", "carrier.roles == ('self',) and not carrier.population"),
    _flip("sign: gap", "carrier.population and not carrier.signal"),
    _flip("sign: gap in shift", "carrier.population and carrier.signal"),
    _flip("sign: fixed", "carrier.where"),
    Mutant("sign: pooled effects in predictions", "predictor.py", "part = np.ascontiguousarray(",
           "part = -np.ascontiguousarray(", _LP),
    Mutant("sign: pooled effects in the PyMC model", "design.py", "matrix = sp.csr_array((value, (",
           "matrix = sp.csr_array((-value, (", ("linear_predictor", "kernel")),
    Mutant("sign: cuts", "outcome.py", "    below = log_expit(cuts - eta[..., None])\n"
           "    above = log_expit(eta[..., None] - cuts)",
           "    below = log_expit(cuts + eta[..., None])\n    above = log_expit(-eta[..., None] - cuts)",
           ("outcome", "estimands")),
    Mutant("sign: cuts in the kernel, counts", "kernel.py", "a[i] = cuts[g, j] - eta[i]", "a[i] = cuts[g, j] + eta[i]",
           _KERNEL),
    Mutant("sign: cuts in the kernel, toplines", "kernel.py", "a = cuts[j] - eta\n", "a = cuts[j] + eta\n", _KERNEL),
    Mutant("cuts not centred", "outcome.py", "np.asarray(cuts - cuts.mean(axis=-1, keepdims=True))",
           "np.asarray(cuts)", ("outcome", "estimands")),
    # correlations
    Mutant("sign: correlation, prior draws", "simulation.py", "value = rho[wide] * standard[block.partner] +",
           "value = -rho[wide] * standard[block.partner] +", ("simulation",)),
    Mutant("sign: correlation, PyMC model", "model.py", "slope = rho * sd / ", "slope = -rho * sd / ",
           ("simulation", "kernel")),
    Mutant("sign: correlation, new levels", "prediction.py", "value = rho * draws[block.sd_name] * partner +",
           "value = -rho * draws[block.sd_name] * partner +", ("prediction",)),
    Mutant("sign: correlation, kernel terms", "density.py", "rho[part.block.variable], 1.0 / part.divisor))",
           "rho[part.block.variable], -1.0 / part.divisor))", _SWEEP),
    Mutant("sign: correlation, recovery", "recover.py",
           "cov[:, a, b] = cov[:, b, a] = scales[part.block.corr_name] * sds",
           "cov[:, a, b] = cov[:, b, a] = -scales[part.block.corr_name] * sds", ("recover", "sweep")),
    Mutant("correlation not of unit variance", "simulation.py", "np.sqrt(1 - rho[wide] ** 2) * value", "value",
           ("simulation",)),
    Mutant("LKJ with twice its eta", "simulation.py", "2 * rng.beta(eta, eta, size) - 1",
           "2 * rng.beta(2 * eta, 2 * eta, size) - 1", ("simulation",)),
    # rows, roles, waves
    Mutant("countries coded by the alphabet", "cells.py", "for i, label in enumerate(levels[factor])}",
           "for i, label in enumerate(sorted(levels[factor]))}", ("cells", "estimands")),
    Mutant("waves ordered by name", "gathering.py", "key=lambda w: (w.start, w.end))", "key=lambda w: w.name)",
           ("cells", "estimands")),
    Mutant("rows counted, not people", "cells.py", '["count"].sum().unstack(', '["count"].size().unstack(', ("cells",)),
    Mutant("answers reversed", "cells.py", "people = counted[list(range(len(spec.answers)))]",
           "people = counted[list(range(len(spec.answers)))[::-1]]", ("cells",)),
    Mutant("answers reversed at the door", "answers.py",
           "    labels = [*answers, *(x for", "    labels = [*reversed(answers), *(x for", ("survey",)),
    Mutant("every country exposed", "cells.py", "float(not signal.countries or c in signal.countries)", "1.0",
           ("cells", "estimands")),
    Mutant("before and after exchanged", "cells.py", "float(w.start > signal.date)", "float(w.end < signal.date)",
           ("cells", "estimands")),
    Mutant("elite flag reversed", "design.py", 'value * _matches(rows, levels, "population", (carrier.population,))',
           'value * ~_matches(rows, levels, "population", (carrier.population,))', _LP),
    Mutant("self has no precedence over sender", "design.py", 'np.where(same_state(rows, levels), "self", role)',
           'np.where(same_state(rows, levels) & (role == "other"), "self", role)', _LP),
    Mutant("roles not told apart", "design.py",
           "value = value * np.isin(roles_of(rows, levels, spec, carrier.signal), carrier.roles)", "pass", _LP),
    # what is refused
    Mutant("rank not checked", "identify.py", "    _check_rank(design, cells)\n", "", ("identify",)),
    Mutant("gap in shift from one wave", "identify.py", "return all((phase & (population == p)).any()",
           "return any((phase & (population == p)).any()", ("identify",)),
    Mutant("no before needed", "identify.py", "if not on.any() or on.all():", "if not on.any():", ("identify",)),
    Mutant("coinciding pooled levels kept", "identify.py", "elif columns in seen and is_level:",
           "elif columns in seen and False:", ("identify",)),
    Mutant("a signal inside a wave", "spec.py", "if w.start <= signal.date <= w.end]",
           "if w.start < signal.date < w.end]", ("spec",)),
    Mutant("digest blind to priors", "spec.py", "json.dumps(encode(self), sort_keys=True",
           'json.dumps({k: v for k, v in encode(self).items() if k != "terms"}, sort_keys=True', ("spec",)),
    Mutant("digest by the order of keys", "spec.py", "sort_keys=True, default=str", "default=str", ("spec",)),
    # estimands
    Mutant("change backwards", "estimands.py",
           "values[1] - values[0],\n        answer=answer,\n        identification=label",
           "values[0] - values[1],\n        answer=answer,\n        identification=label", ("estimands",)),
    Mutant("change unpaired", "estimands.py", '["wave"].transform("nunique") == 2',
           '["wave"].transform("nunique") >= 1', ("estimands",)),
    Mutant("shift backwards", "estimands.py", "        on - off,\n", "        off - on,\n", ("estimands",)),
    Mutant("gap backwards", "estimands.py", "            values[1] - values[0],", "            values[0] - values[1],",
           ("estimands",)),
    Mutant("average over rows", "estimands.py", "= 1.0 / (within * across)", "= 1.0 / np.bincount(member)[member]",
           ("estimands",)),
    Mutant("average of the elites too", "estimands.py",
           'if "population" not in by and fit.spec.reference in set(table.population):', "if False:", ("estimands",)),
    Mutant("contrast of different draws", "estimands.py", "xr.DataArray(a.draws.values - right, ",
           "xr.DataArray(a.draws.values - right[:, ::-1], ", ("estimands",)),
    Mutant("chains and draws exchanged", "averaging.py", '(x @ weights).reshape(post["chain"], post["draw"], -1)',
           '(x @ weights).reshape(post["draw"], post["chain"], -1).transpose(1, 0, 2)', ("estimands",)),
    Mutant("include_self ignored", "estimands.py", 'role[sender] = "sender + self"', "pass", ("estimands",)),
    Mutant("last wave after the signal", "estimands.py", 'order = {w: i for i, w in', 'order = {w: -i for i, w in',
           ("estimands",)),
    Mutant("mean score from 0", "outcome.py", "np.arange(1.0, answers + 1.0)", "np.arange(0.0, answers)",
           ("outcome", "estimands")),
    Mutant("proportions called per cent", "prediction.py", '(1.0 if answer == "mean" else 100.0)', "1.0",
           ("estimands",)),
    Mutant("finite population forgets who was asked", "prediction.py",
           "(seen + rng.multinomial(left, p)) / sizes[name]", "rng.multinomial(sizes[name], p) / sizes[name]",
           ("estimands",)),
    Mutant("difference-in-differences without comparison", "asked.py", "if unexposed and by_wave:",
           "if exposed:", ("estimands",)),
    # predictions
    Mutant("new levels drawn anew in each call", "prediction.py",
           'np.random.default_rng([seed, key_of(variable, labels)])', "np.random.default_rng()", ("prediction",)),
    Mutant("all new levels alike", "prediction.py", '"\\x1f".join([what, *labels])', '"\\x1f".join([what])',
           ("prediction",)),
    Mutant("new levels with the variance as sd", "prediction.py",
           "value = draws[block.sd_name] * _normal(", "value = draws[block.sd_name] ** 2 * _normal(", ("prediction",)),
    # published shares
    Mutant("topline bounds widened by one", "sources.py", "math.ceil(lower * n - _TINY)",
           "math.floor(lower * n - _TINY)", ("toplines", "outcome", "kernel")),
    Mutant("topline bounds exchanged", "lattice.py", "[count_range(lo, hi, n) for lo, hi",
           "[count_range(1 - hi, 1 - lo, n) for lo, hi", ("outcome", "kernel")),
    Mutant("weights of n ignored", "lattice.py", "(c, w + np.log(p))", "(c, w)", ("outcome",)),
    Mutant("per cent for proportion in toplines", "published.py", "upper=tuple(s.upper / 100 for s in cell.shares)",
           "upper=tuple(s.upper for s in cell.shares)", ("toplines",)),
    Mutant("overdispersion left out of what is published", "lattice.py",
           "grouped = rng.standard_gamma(", "rng.standard_gamma(", ("simulation", "outcome")),
    # nested Laplace
    Mutant("sign: correlation in the precision", "engines/field.py", "cross[i] = cross[mate] = -np.tanh",
           "cross[i] = cross[mate] = np.tanh", _LAPLACE),
    Mutant("log determinant of the prior doubled", "engines/field.py", "log_det -= 2 * n * np.log(sd[i])",
           "log_det -= 4 * n * np.log(sd[i])", _LAPLACE),
    Mutant("prior of the field left out of the weights", "engines/conditional.py",
           "joint = joint + 0.5 * prior_det - 0.5 *", "joint = joint + 0.5 * prior_det - 0.0 *", _LAPLACE),
    Mutant("proposal of the field left out of the weights", "engines/conditional.py",
           "return x, joint - proposal +", "return x, joint +", _LAPLACE),
    Mutant("prior of the scores left out", "engines/laplace.py",
           "prior = -0.5 * (scores**2).sum(1) - 0.5", "prior = -0.5", _LAPLACE),
    Mutant("half-normal scale taken for a log-normal", "engines/hyper.py", "-ndtri(0.5 * ndtr(-u[:b]))",
           "np.exp(u[:b])", _LAPLACE),
    Mutant("LKJ shape left out", "engines/hyper.py", "betaincinv(eta, eta,", "betaincinv(1.0, 1.0,", _LAPLACE),
    Mutant("slope of the warp left out", "engines/importance.py", " + self.warp.log_slope(at))", ")", _LAPLACE),
    Mutant("wider draws not in the density", "engines/importance.py", "np.logaddexp(narrow, wide)", "narrow", _LAPLACE),
    Mutant("only the last round in the mixture", "engines/importance.py",
           "np.asarray(logsumexp(terms, axis=0))\n\n\ndef refit", "np.asarray(terms[-1])\n\n\ndef refit", _LAPLACE),
    Mutant("weights forgotten when resampling", "engines/importance.py",
           "total = np.cumsum(np.exp(log_weight - logsumexp(log_weight)))",
           "total = np.cumsum(np.ones(len(log_weight)) / len(log_weight))", _LAPLACE),
    Mutant("curvature of the counts halved", "kernel.py", "bend[b] += share *", "bend[b] += 0.5 * share *", _LAPLACE),
    Mutant("sign: published share of the lower answers", "engines/likelihood.py", "1.0 if first[-1] else -1.0", "1.0",
           _LAPLACE),
    Mutant("held-out rows kept by Laplace", "engines/likelihood.py",
           "np.flatnonzero(cells.kept(rows))", "np.arange(len(cells.parts))", _LAPLACE),
    Mutant("repetitions counted as draws", "weights.py", "(square @ count**2)", "(square @ count)", ("gates",)),
    Mutant("sign of the weights in Pareto k", "weights.py", "order = np.argsort(log_weight)",
           "order = np.argsort(-log_weight)", ("gates",)),
    Mutant("the tail of a Pareto k is that of the draws kept", "weights.py", "3 * math.sqrt(evaluated)",
           "3 * math.sqrt(n)", ("gates",)),
    Mutant("kept draws stand for themselves alone", "weights.py", "np.where(chance > 0, 1 / chance, 1.0)",
           "np.ones(len(chance))", ("gates",)),
    Mutant("weights that do not sum to one", "engines/laplace.py", "logsumexp(log_weight) if evaluated.any() else",
           "0.0 if evaluated.any() else", _LAPLACE),
    Mutant("only the weights are looked at", "engines/laplace.py",
           "max(largest_k(values, log_weight) for values in (hyper, *parts))", "0.0", _LAPLACE),
    Mutant("rough scales not weighted", "engines/laplace.py", "- proposal.log_density(scores)",
           "+ proposal.log_density(scores)", _LAPLACE),
    Mutant("the wider part of a field left out of its density", "engines/conditional.py", "np.logaddexp(thin, wide)",
           "thin", _LAPLACE),
    Mutant("quantities do not enter their Pareto k", "weights.py", "weight + np.log(np.abs(away))",
           "weight + 0 * away", ("gates",)),
    Mutant("sign: gather of the kernel", "kernel.py", "eta[i] += values[i] * total[s.unit[i]]",
           "eta[i] -= values[i] * total[s.unit[i]]", _KERNEL),
    Mutant("contrasts the wrong way round", "kernel.py", "target[(b * n + h) * after + r] = running - h * term",
           "target[(b * n + n - h) * after + r] = running - h * term", _KERNEL),
    Mutant("weight of a contrast", "kernel.py", "] = weight[h] * (", "] = (", _KERNEL),
    Mutant("sign: vector exponential", "kernel.py", "(x - n * 0.693147180369123816490) -",
           "(x - n * 0.693147180369123816490) +", _KERNEL),
    Mutant("metric: transpose for map", "kernel.py", "_dot(metric.dense[j, j:], gradient[j:dense])",
           "_dot(metric.dense[:j, j], gradient[:j])", _NUTS),
    Mutant("rows held out added to others", "engines/condense.py", "apart = np.column_stack([held,",
           "apart = np.column_stack([0 * held,", ("condense",)),
    Mutant("marginal likelihood of the cells as added up", "engines/laplace.py", "math.log(len(at)) + constant)",
           "math.log(len(at)))", ("condense",)),
    Mutant("sign: slope of the counts, Laplace", "kernel.py", "by_row[b] += share - lower",
           "by_row[b] += lower - share", _LAPLACE),
    Mutant("every second attempt careful", "fitting.py",
           "options.longer() if results[-1].diagnosis.only_mixing else options.careful()", "options.careful()",
           _LAPLACE),
    Mutant("divergences between thinned draws forgotten", "engines/nuts.py", "groups.max()[name].values.astype(bool)",
           "groups.min()[name].values.astype(bool)", _NUTS),
    Mutant("steps that do not vary", "engines/nuts.py", '"step_size_jitter": JITTER', '"step_size_jitter": 0.0', _NUTS),
    Mutant("metric: prior left out", "engines/metric.py", "precision[block, block] += np.kron",
           "precision[block, block] += 0.0 * np.kron", _NUTS),
    # leaving out, stacking, grids, what a report says of them
    Mutant("loo: the unit is not left out", "leaving_out.py", "pareto_smooth(log_weight - logs, efficiency)",
           "pareto_smooth(log_weight + 0 * logs, efficiency)", _LOO),
    Mutant("loo: weights of draws forgotten", "leaving_out.py", "np.maximum(weight[once] + math.log(size), 0.0), 1.0",
           "np.zeros(len(once)), 1.0", _LOO),
    Mutant("loo: draws that are there twice count twice", "leaving_out.py",
           "_, once = np.unique(ancestor, return_index=True)", "once = np.arange(len(ancestor))", _LOO),
    Mutant("loo: everybody once", "units.py", "some.times, logs_of_people", "np.ones(len(some)), logs_of_people", _LOO),
    Mutant("loo: a level's answers without the person's others", "units.py",
           "total - logs_of_people(fit, draws, rest) @ rest.times if len(rest) else total", "total", _LOO),
    Mutant("loo: the winner is the other profile", "units.py", "np.where(chosen == 1, 1.0, -1.0)",
           "np.where(chosen == 1, -1.0, 1.0)", _LOO),
    Mutant("elpd: se as if every unit were there once", "predictive.py", "variance = each @ (lpd",
           "variance = np.ones(len(lpd)) @ (lpd", _LOO),
    Mutant("stacking: units counted once", "predictive.py", "    each = each / each.sum()\n    chance",
           "    each = np.full(units, 1 / units)\n    chance", _LOO),
    Mutant("grid: all scales pass for few", "grids.py", "if groups <= FEW:", "if groups:", _GRIDS),
    Mutant("grid: top of the spec, not of the data", "data_grids.py",
           "kept = tuple(replace(s, top=tuple(top)) for s in analysis.sources)", "kept = analysis.sources", _GRIDS),
    Mutant("grid: left out, and all others with it", "data_grids.py", "partial(ne, key)",
           "(lambda k, key=key: k == key)", _GRIDS),
    Mutant("multiverse: priors of the terms stay", "crossing.py", "tuple(scaled(t, factor) for t in spec.terms)",
           "spec.terms", _GRIDS),
    Mutant("curve: every panel in its own order", "figures/specifications.py",
           "out[\"specification\"].map({n: i for i, n in enumerate(place)})",
           "out.groupby(\"panel\")[\"mean\"].rank().astype(int) - 1", ("sensitivity_figures",)),
    Mutant("figures: before and after change places", "figures/dumbbell.py",
           "(estimate.before, estimate.after), strict=True", "(estimate.after, estimate.before), strict=True",
           ("figures",)),
    Mutant("figures: letters do not grow with the paper", "figures/presets.py", "_points(artist) * factor",
           "_points(artist)", _STYLE),
    Mutant("figures: names from right to left not isolated", "figures/page.py", "in_order(words),", "words,", _STYLE),
    Mutant("figures: partial draws not stamped", "figures/page.py", 'if "partial: " in p]', "if not p]", _STYLE),
    Mutant("figures: names cut to the same letters", "figures/text.py", "s if len(whole[s]) == 1 else",
           "s if True else", _STYLE),
    Mutant("figures: every shift of a matrix is sure", "figures/matrix.py",
           'if signed and (row["lower"] > 0 or row["upper"] < 0):', "if signed:", ("gallery",)),
    Mutant("figures: prior over posterior", "figures/prior_posterior.py", 'table["sd"] / table["prior_sd"]',
           'table["prior_sd"] / table["sd"]', _STYLE),
    Mutant("scales: two standard deviations", "prior_only.py", "np.exp(-sd)", "np.exp(-2 * sd)", _STYLE),
    Mutant("report: scales of few groups halved one way only", "report/few.py", "2.0: \"sd doubled\"",
           "0.25: \"sd doubled\"", ("report",)),
    Mutant("report: only high ranks are misfits", "report/misfits.py", "(frame[\"rank\"] < TAIL) | ", "", ("report",)),
    Mutant("metric: scales without a floor", "engines/metric.py", "max(median, SMALLEST) if", "median if", _NUTS),
    Mutant("metric: correlations not kept off the edge", "engines/metric.py",
           "float(np.clip(median, -CLOSEST, CLOSEST))", "median", _NUTS),
    Mutant("thinning by nothing accepted", "sampling.py", '"thin": 1}', '"thin": 0}', _NUTS),
    Mutant("series of log(1 + e) cut short", "kernel.py", "_ARTANH = tuple(1.0 / k for k in range(29, 0, -2))",
           "_ARTANH = tuple(1.0 / k for k in range(9, 0, -2))", _KERNEL),
    Mutant("metric: as if centred", "engines/metric.py", "(1 - c) * np.linalg.inv(low))", "(1 - c) * np.eye(len(low)))",
           _NUTS),
    Mutant("form between: the rest kept whole", "kernel.py", "theta[at + c] / root - slope * rest",
           "theta[at + c] / root", _KERNEL),
    Mutant("form between: slope of the width", "kernel.py", "(1.0 - 2.0 * slope * diagonal)",
           "(1.0 - slope * diagonal)", _KERNEL),
    Mutant("form between: read as if centred", "engines/reading.py", "/ np.sqrt(v) - c * d / v * rest",
           "/ np.sqrt(v) - rest / d", _KERNEL),
    Mutant("form between: as if carriers were known apart", "engines/metric.py", "float(known[i, i] - shared)",
           "float(known[i, i])", _NUTS),
    Mutant("Pareto k never fails", "gates.py", "1.01, 400.0, 0.3, 0.7", "1.01, 400.0, 0.3, 70.0", ("gates",)),
    Mutant("draws that cannot be evaluated dropped in silence", "engines/laplace.py", "if lost > LOST else ()",
           "if lost > 2 else ()", _LAPLACE),
    Mutant("estimates forget their weights", "averaging.py", " | weights_of(fit.posterior),", ",", _LAPLACE),
    Mutant("draws of two fits paired", "contrasts.py", "if ours.keys() != theirs.keys() or any(", "if any([]) and any(",
           _LAPLACE),
    Mutant("left-out cells by another engine", "run.py", "method=size.method, sampling=LEFT_OUT", "sampling=LEFT_OUT",
           ("run",)),
    Mutant("auto keeps Laplace whatever the gates say", "fitting.py",
           "if method == \"laplace\" or result.diagnosis.passed:", "if True:", _LAPLACE),
    # time
    Mutant("walk: its mean is left in", "predictor.py", "np.asarray(sums - sums.mean(0))", "np.asarray(sums)", _LP),
    Mutant("walk: years for their root", "predictor.py", "np.sqrt(np.diff(middle) / DAYS_PER_YEAR)",
           "np.diff(middle) / DAYS_PER_YEAR", _LP),
    Mutant("walk: sign of its mean, kernel", "kernel.py", "target[(b * n + h) * after + r] -= mean",
           "target[(b * n + h) * after + r] += mean", _KERNEL),
    Mutant("walk: mean left out of the slopes", "kernel.py", "mean += source[(b * n + h) * after + r] / n",
           "mean += 0.0 * source[0]", _KERNEL),
    Mutant("effects grow instead of fading", "predictor.py", "np.asarray(0.5 ** (weeks / half))",
           "np.asarray(2.0 ** (weeks / half))", ("linear_predictor", "time")),
    Mutant("pooled effects do not fade", "predictor.py", "part *= faded[block.carrier.signal][used]",
           "pass", _LP),
    Mutant("days for weeks", "cells.py", "np.maximum(days, 0.0) / 7", "np.maximum(days, 0.0)", ("linear_predictor",)),
    Mutant("ramp beyond its end", "carriers.py", "np.minimum(weeks / whole, 1.0)", "weeks / whole", ("time",)),
    Mutant("known half-life ignored", "carriers.py", "np.asarray(0.5 ** (weeks / median))", "np.ones(len(weeks))",
           ("time",)),
    Mutant("weeks after the signal ignored", "averaging.py", "rows.with_signal(name, value, weeks)",
           "rows.with_signal(name, value)", ("time",)),
    Mutant("sign: slope of a half-life", "kernel.py", "grad[fading + f] += gleft", "grad[fading + f] -= gleft",
           _KERNEL),
    Mutant("prior of a half-life left out", "kernel.py", "grad[fading + f] = -z / s.half_prior[f, 1]",
           "grad[fading + f] = 0.0", _KERNEL),
    Mutant("curvature of what fades", "field.py", "curvature * share[a] * share[b]", "curvature * share[a]", _LAPLACE),
    Mutant("products of parts one way only", "field.py", "out + b[i].multiply(a[j])", "out", _LAPLACE),
    Mutant("sd of a half-life ignored", "hyper.py", "half = [p.median * np.exp(p.sd * v)",
           "half = [p.median * np.exp(v)", _LAPLACE),
    Mutant("half-lives read from the cuts", "reading.py", "theta[..., b + r + c + e + i]", "theta[..., b + r + i]",
           ("time",)),
    Mutant("metric: one coordinate short", "metric.py", "size, swept, typical = parameter_count(swept), _faded",
           "size, swept, typical = parameter_count(_faded(swept, scales)), _faded", ("kernel",)),
    Mutant("two waves make a trend", "identify.py", "LEAST_WAVES = 3", "LEAST_WAVES = 2", ("time",)),
    Mutant("any trend makes a series", "asked.py", 'return "interrupted series" if trend else "before-after"',
           'return "interrupted series"', ("time", "estimands")),
    Mutant("columns at the date of the signal", "carriers.py", "case Decay(half_life=LogNormal(median=median)):",
           "case Decay(half_life=LogNormal(median=median, sd=0.0)):", ("time",)),
    # covariates, treaties, exclusions
    Mutant("sign: slope of a covariate", "carriers.py", "value * rows.covariates[carrier.covariate]",
           "-value * rows.covariates[carrier.covariate]", ("covariates",)),
    Mutant("center of a covariate ignored", "cells.py", "grid[tuple(index)] = (value - covariate.center)",
           "grid[tuple(index)] = value", ("covariates",)),
    Mutant("comparison the wrong way round", "comparisons.py", '{"low": (found, low), "high": (found, high)}',
           '{"low": (found, high), "high": (found, low)}', ("covariates",)),
    Mutant("the respondent's promise for the ally's", "treaties.py", 'left_on=["two", "one", "at"]',
           'left_on=["one", "two", "at"]', ("covariates",)),
    Mutant("no treaty where nothing is known", "treaties.py", '        "unknown",\n', '        "no treaty",\n',
           ("covariates",)),
    Mutant("declared exclusion keeps its rows", "toplines.py", "keep &= ~hit", "keep &= keep", ("toplines",)),
    Mutant("constant of the lattice left out", "kernel.py", "value[:] = constant[t]", "value[:] = 0.0", _LAPLACE),
    # sweep, recovery, kernel
    Mutant("sd for variance in the sweep", "sweep.py", "scales[part.block.sd_name] ** 2 / part.divisor",
           "scales[part.block.sd_name] / part.divisor", _SWEEP),
    Mutant("divisor dropped in the sweep", "sweep.py", "divisor = math.prod(", "divisor = 1 or math.prod(", _SWEEP),
    Mutant("divisor dropped in the kernel", "density.py", "out.append((i, i, a, a, -1, 1.0 / part.divisor))",
           "out.append((i, i, a, a, -1, 1.0))", _SWEEP),
    Mutant("prior sd for variance in the kernel", "density.py", 'getattr(p, "sd", 0.0) ** 2', 'getattr(p, "sd", 0.0)',
           _KERNEL),
    Mutant("prior mean left out of the kernel", "density.py", '[getattr(p, "mean", 0.0) for p in priors]',
           "[0.0 for p in priors]", _KERNEL),
    Mutant("block means added twice in recovery", "recover.py", "beta = sums[:, :p] - means @",
           "beta = sums[:, :p] + means @", ("recover", "sweep")),
    Mutant("recovery without noise", "recover.py", "rng.standard_normal((*scale.shape, sums.shape[2]))",
           "np.zeros((*scale.shape, sums.shape[2]))", ("recover", "sweep")),
    Mutant("mask ignored, counts", "density.py", "(parts * cells.kept(keep)[:, None])",
           "(parts * 1)", _KERNEL),
    Mutant("mask ignored, toplines", "kernel.py", "if d.mask[i] > 0.0:\n            g =",
           "if d.mask[i] >= 0.0:\n            g =", _KERNEL),
    Mutant("chain rule: atanh", "kernel.py", "d * (1.0 - rho[r] ** 2)", "d", _KERNEL),
    Mutant("chain rule: off-diagonal once", "kernel.py", "(1.0 if i == j else 2.0)", "1.0", _KERNEL),
    Mutant("chain rule: centred cuts", "kernel.py", "tail += gcuts[j + 1] - mean", "tail += gcuts[j + 1]", _KERNEL),
    Mutant("chain rule: sign of eta, counts", "kernel.py", "geta[i] -= d", "geta[i] += d", _KERNEL),
    Mutant("chain rule: sign of eta, toplines", "kernel.py", "geta -= d", "geta += d", _KERNEL),
    Mutant("Jacobian of log sd left out", "kernel.py", "total += theta[b] - 0.5 * (sd", "total -= 0.5 * (sd", _KERNEL),
    Mutant("log determinant left out", "kernel.py", "total -= size * math.log(root)", "total -= 0.0", _KERNEL),
    # gates
    Mutant("NaN passes the gates", "gates.py", "bad = ~(value < limit) if largest", "bad = value >= limit if largest",
           ("gates",)),
    Mutant("divergences pass", "gates.py", "    if diverging:\n", "    if diverging > 10:\n", ("gates",)),
    Mutant("E-BFMI of the standard deviation", "gates.py", ".mean() / np.var(e))", ".mean() / np.std(e))", ("gates",)),
    # people
    Mutant("people: sign of the derivative by their sd", "kernel.py", "    return total, by_sd * sd\n",
           "    return total, -by_sd * sd\n", _PEOPLE),
    Mutant("people: tilt of the scores left out of the slope", "kernel.py", "by_node.sum() + d.tilt[i]",
           "by_node.sum()", _PEOPLE),
    Mutant("people: tilt with the wrong sign", "respondents.py", "    return fewer, yes - np.bincount(",
           "    return fewer, np.bincount(fewer.row, minlength=rows) * 0 - yes + np.bincount(", _PEOPLE),
    Mutant("people: a pattern loses its last factor", "kernel.py", "for f in range(d.start[p] + 1, d.start[p + 1]):",
           "for f in range(d.start[p] + 1, d.start[p + 1] - 1):", _PEOPLE),
    Mutant("people: slopes handed down to one factor only", "kernel.py",
           "            slope[right, z] += slope[base + i, z]\n", "            pass\n", _PEOPLE),
    Mutant("people: published shares of the average person", "kernel.py",
           "marginal[k] = _dot(d.weight, chance[i * answers + k])",
           "marginal[k] = chance[i * answers + k, nodes // 2]", _PEOPLE),
    Mutant("people: neighbours paired across people", "respondents.py",
           "np.flatnonzero(even & (np.arange(len(factor)) + 1 < start[pattern + 1]))",
           "np.flatnonzero(even & (np.arange(len(factor)) + 1 < len(factor)))", _PEOPLE),
    Mutant("people: held-out rows keep their answers", "respondents.py",
           "    kept = np.asarray(keep, dtype=bool)[people.row]\n",
           "    kept = np.ones(len(people.row), dtype=bool)\n", _PEOPLE),
    Mutant("people: an id is one person in all sources", "respondents.py",
           "person.append(last + np.where(known, code, alone))",
           "person.append(np.where(known, code, last + alone))", _PEOPLE),
    Mutant("people: predictions for the average person", "prediction.py",
           "    if design.respondent is None:\n        return log_probs(eta, cuts)\n",
           "    if design.respondent is None or True:\n        return log_probs(eta, cuts)\n", _PEOPLE),
    Mutant("people: information shared the wrong way", "engines/people.py",
           "people.times / (1 / sd**2 + weights.sum(1))",
           "people.times / (sd**2 + weights.sum(1))", _PEOPLE),
    Mutant("panel: selection turned round", "fieldwork.py", "logit(f.retention) + f.selection * away",
           "logit(f.retention) - f.selection * away", _PEOPLE),
    Mutant("panel: stayers and leavers exchanged", "drop_out.py",
           '{"stayers": before & after, "leavers": before & ~after}',
           '{"leavers": before & after, "stayers": before & ~after}', ("drop_out",)),
    Mutant("panel: delta with the wrong sign", "drop_out.py", "linear_predictor(design, rows, draws) + delta",
           "linear_predictor(design, rows, draws) - delta", ("drop_out",)),
    Mutant("panel: retention counts people who were new", "drop_out.py",
           'back=first["count"] * came', 'back=first["count"]', ("drop_out",)),
    # cuts by country
    Mutant("cuts by country: sign of the deviation in the scale", "kernel.py",
           "d * (gspacing[g, j] * z - passed", "d * (-gspacing[g, j] * z - passed", ("cuts",)),
    Mutant("cuts by country: read in another form than sampled", "engines/nuts.py", "centred, sampling.thin, own)",
           "centred, sampling.thin, own_cuts(design, cells))", ("cuts",)),
    Mutant("a plan's wrong truth dropped in silence", "simulation.py", "if k not in gone}",
           "if k in _scalars(layout.design)}", ("simulation",)),
    Mutant("cuts by country: not moved to the middle", "kernel.py", "slope * (spacing[j] - s.cut_prior[3 + j])",
           "slope * spacing[j]", ("cuts",)),
    Mutant("cuts by country: common ones for all", "prediction.py", "name = CUTS_BY_COUNTRY if design.cut_groups else",
           "name = CUTS_BY_COUNTRY if not design.cut_groups else", ("cuts",)),
    Mutant("cuts by country: the next country's", "density.py", 'rows.codes["country"] * (design.cut_groups > 0)',
           '(rows.codes["country"] + 1) % max(design.cut_groups, 1) * (design.cut_groups > 0)', ("cuts",)),
    Mutant("cuts by country: rows of two countries added up", "engines/condense.py",
           "np.column_stack([held, cut_group(design, rows)])",
           "np.column_stack([held, held])", ("cuts",)),
    Mutant("cuts by country: deviations twice", "engines/reading.py",
           "rest + d * residual(form[0]", "2 * rest + d * residual(form[0]", ("cuts",)),
    # covariates of people
    Mutant("traits: center ignored", "traits.py",
           "(found - covariate.center) / covariate.unit", "found / covariate.unit", ("traits",)),
    Mutant("traits: kinds of people weighted alike", "composition.py",
           "cells.counts.sum(1).astype(float),", "np.sign(cells.counts.sum(1)).astype(float),", ("traits",)),
    Mutant("traits: everybody's composition", "composition.py",
           "here.get(key) or (anywhere.get(key[:-1]) if kinds.elsewhere else None)",
           "anywhere.get(key[:-1])", ("traits",)),
    Mutant("traits: a comparison forgets what it holds", "averaging.py",
           "held = (covariate[0].name,) if covariate is not None else ()",
           "held = ()", ("traits",)),
    Mutant("traits: adjusted to the elite", "comparisons.py",
           '"adjusted": (None, fit.spec.reference)', '"adjusted": (None, None)', ("traits",)),
    # --- sliders and means
    Mutant("slider: sign of the slope between the ends", "sliders.py", "(digamma(b) - digamma(a)) + logs - rest)",
           "(digamma(b) - digamma(a)) + rest - logs)", ("sliders",)),
    Mutant("slider: mean without the high end", "sliders.py", "np.asarray(high + between * expit(eta))",
           "np.asarray(between * expit(eta))", ("sliders",)),
    Mutant("slider: middle of the cuts ignored", "prediction.py",
           "cuts = cuts + sliders.draws_of(draws)[0][:, :, None]",
           "cuts = cuts * 1.0", ("sliders",)),
    Mutant("slider: gradient of the middle reversed", "kernel.py", "grad[extra] += gcuts.sum()",
           "grad[extra] -= gcuts.sum()", ("sliders",)),
    Mutant("slider: precision of the other end", "kernel.py", "psi - mean * psi_a - other * psi_b",
           "psi - other * psi_a - mean * psi_b", ("sliders",)),
    Mutant("slider: the threshold counts as credible", "sliders.py",
           "(share > self.share(np.asarray(self.above)) + SMALLEST)",
           "(share > self.share(np.asarray(self.above)) - SMALLEST)", ("sliders",)),
    Mutant("numbers: held-out rows keep theirs", "density.py", "sums=sums * keep[: len(sums), None]",
           "sums=sums", ("sliders", "gaussian")),
    Mutant("slider: rows added up lose what is between", "condense.py",
           "replace(cells.inside, row=group[cells.inside.row])",
           "cells.inside", ("sliders",)),
    # --- the linear family
    Mutant("gaussian: sign of the gradient", "kernel.py", "geta[i] = (first - n * eta[i]) * known",
           "geta[i] = (n * eta[i] - first) * known", ("gaussian",)),
    Mutant("gaussian: variance for sd", "kernel.py", "known, total, by_sigma = math.exp(-2.0 * log_sigma)",
           "known, total, by_sigma = math.exp(-log_sigma)", ("gaussian",)),
    Mutant("gaussian: scores off by one", "gaussian.py", "first = 0 if answers == 2 else 1",
           "first = 0", ("gaussian",)),
    Mutant("gaussian: rows added up lose their numbers", "condense.py",
           "None if cells.valued is None else _added(cells.valued, group)", "None", ("gaussian",)),
    Mutant("gaussian: half the information", "gaussian.py", "known = n / sigma**2",
           "known = 0.5 * n / sigma**2", ("gaussian",)),
    Mutant("means: low end for high end", "means.py", "((1,), (0,)), (low,), (high,)", "((0,), (1,)), (low,), (high,)",
           ("means",)),
    Mutant("means: variance over n for the error", "means.py", 'width / math.sqrt(given["n"])', 'width / given["n"]',
           ("means",)),
    Mutant("means: slope of the table reversed", "ratings.py", "zip((1, -1), log_phi", "zip((-1, 1), log_phi",
           ("means",)),
    # --- weights, don't know, interviews, small cells
    Mutant("weights: taken for people", "design_effect.py",
           "out += own * (size / np.where(whole > 0, whole, 1.0))[stratum][:, None]",
           "out += own", ("design_effect",)),
    Mutant("many kinds: weights of answers reversed", "scoring.py", "(weight[j + 1] - weight[j])",
           "(weight[j] - weight[j + 1])", ("scoring",)),
    Mutant("many kinds: joined summands of the wrong kind", "scoring.py", "table[pairs % len(table)]",
           "table[pairs // len(table)]", ("scoring",)),
    Mutant("choices: the other one won", "choices.py", "times[first] * (chosen[k] == 1)",
           "times[first] * (chosen[k] == 0)", ("choices",)),
    Mutant("choices: sum instead of difference (kernel)", "kernel.py",
           "eta[d.versus[i, 0]] - eta[d.versus[i, 1]]", "eta[d.versus[i, 0]] + eta[d.versus[i, 1]]",
           ("choices",)),
    Mutant("choices: slope of the loser has the wrong sign", "kernel.py", "geta[d.versus[i, 1]] -= slope[i]",
           "geta[d.versus[i, 1]] += slope[i]", ("choices",)),
    Mutant("choices: sum instead of difference (field)", "choices.py", "by_row[self.left] - by_row[self.right]",
           "by_row[self.left] + by_row[self.right]", ("choices",)),
    Mutant("choices: opponents all alike, however often shown", "opponents.py",
           "share = np.bincount(inverse.ravel(), times, len(table)) / times.sum()",
           "share = np.full(len(table), 1 / len(table))", ("choices",)),
    Mutant("choices: opponents of another country", "contest.py", "for p in range(place.max(initial=-1) + 1):",
           "place[:] = 0\n        for p in range(1):", ("choices",)),
    Mutant("choices: cubics without slopes", "opponents.py", "u * (da + u * (3", "u * (0 * da + u * (3", ("choices",)),
    Mutant("choices: half a set is kept", "choices.py", "return keep & whole, [", "return keep, [", ("choices",)),
    Mutant("power scaling: per factor e, not per doubling", "power_scaling.py", "math.log(2) * (values", "(values",
           ("power_scaling",)),
    Mutant("power scaling: prior of scales left out", "power_scaling.py", "for name, scale in design.scales.items():",
           "for name, scale in {}.items():", ("power_scaling",)),
    Mutant("lock: hash not compared", "preregistration.py", 'or spec.digest != record["sha256"]', "",
           ("preregistration",)),
    Mutant("deviations: only of terms in the same place", "preregistration.py",
           "for key in dict.fromkeys((*left, *right)):", "for key in dict.fromkeys(left):", ("preregistration",)),
    Mutant("gate: Monte Carlo error of what is printed", "gates.py", 'column == "mcse_mean" and unit is None',
           'column == "mcse_mean"', ("gates",)),
    Mutant("careless answers: multiplied, not divided out", "reliability.py", "(draws - middle) / factor",
           "(draws - middle) * factor", ("arms",)),
    Mutant("pooling: one profile stands for everybody", "side_by_side.py",
           "{f: c for f, c in rows.codes.items() if f in FACTORS}", "dict(rows.codes)", ("declared_elsewhere",)),
    Mutant("balance: statistic not squared", "arms.py", "((shown - total / len(shown)) ** 2).sum()",
           "abs(shown - total / len(shown)).sum()", ("arms",)),
    Mutant("weights: Kish without squares", "design_effect.py", "weight**k, cells) for k in (1, 2))",
           "weight**k, cells) for k in (1, 1))", ("design_effect",)),
    Mutant("weights: predictions for unweighted people", "check.py", '"everybody": counts.sum(-1)',
           '"everybody": np.ones_like(counts).sum(-1)', ("design_effect",)),
    Mutant("hurdle: the lowest shift from lowest to lowest", "hurdle.py", '"lowest": lows[1] - highs[0],',
           '"lowest": lows[1] - lows[0],', ("hurdle",)),
    Mutant("hurdle: who does not know has answered", "hurdle.py", "survey.unsure.assign(answer=1)",
           "survey.unsure.assign(answer=0)", ("hurdle",)),
    Mutant("hurdle: two parts exchanged", "hurdle.py", "for q, p in (off, on))", "for p, q in (off, on))", ("hurdle",)),
    Mutant("event: its own day is after it", "interviews.py", "near, far = dt.timedelta(1 + donut)",
           "near, far = dt.timedelta(donut)", ("interviews",)),
    Mutant("event: a placebo sees the event", "interviews.py", "last = min(last, true - dt.timedelta(1))",
           "last = min(last, wave.end)", ("interviews",)),
    Mutant("event: before minus after", "interviews.py", "gap = share[1] - share[0]", "gap = share[0] - share[1]",
           ("interviews",)),
    Mutant("house: the waves of all others", "carriers.py", "if getattr(w, factor) in wanted]",
           "if getattr(w, factor) not in wanted]", ("interviews",)),
    # --- storage, faults, attacks
    Mutant("a seal nobody checks", "sealed.py", "if whole.hexdigest().encode() != match[3]:", "if False:", ("saved",)),
    Mutant("a list of digests nobody checks", "sealed.py", "    if wrong:\n", "    if False:\n", ("attacks",)),
    Mutant("links are followed", "sealed.py", "if not isinstance(item.get(key, getlink=True), h5py.HardLink):",
           "if False:", ("attacks",)),
    Mutant("sizes of arrays are believed", "sealed.py", "if array.size > size or not (", "if False and not (",
           ("attacks",)),
    Mutant("a newer format is read", "sealed.py", "if not 1 <= number <= FORMAT:", "if not 1 <= number:", ("saved",)),
    Mutant("written over the old file", "files.py", "with temporary.open(\"xb\") as file:",
           "with path.open(\"wb\") as file, temporary.open(\"xb\"):", ("saved",)),
    Mutant("draws of another spec are loaded", "saved.py", "    if found != wanted:\n",
           "    if False:\n", ("attacks",)),
    Mutant("draws that are not finite are loaded", "saved.py",
           "    if broken := _not_finite(posterior):\n        raise IntegrityError",
           "    if False and (broken := _not_finite(posterior)):\n        raise IntegrityError", ("attacks",)),
    Mutant("codes out of range are loaded", "saved.py", "((codes >= 0) & (codes < len(levels[factor]))).all()", "True",
           ("attacks",)),
    Mutant("weeks and exposure exchanged in a file", "saved.py", 'for name in ("codes", "on", "weeks", "covariates")))',
           'for name in ("codes", "weeks", "on", "covariates")))', ("saved",)),
    Mutant("partial is not said", "engines/nuts.py", "return replace(found, problems=(words,))", "return found",
           ("chains",)),
    Mutant("the torn end of a chain is kept", "engines/reading.py",
           "lead = np.cumprod(whole_draws(raw), axis=1).sum(axis=1)",
           "lead = whole_draws(raw).shape[1] * np.ones(len(raw.coordinates), int)", ("chains",)),
    Mutant("chains of another fit are taken", "engines/chains.py",
           'if tree.attrs.get("identity") != identity or not whole:', "if not whole:", ("chains",)),
    Mutant("a chain is named without its data", "engines/chains.py", ".encode() + buffer.tobytes())", ".encode())",
           ("chains",)),
    Mutant("a torn chain is kept", "engines/chains.py",
           'if found[i].sizes["draw"] == draws and np.isfinite(found[i]["theta"].values).all():', "if True:",
           ("chains",)),
    Mutant("formulas in text cells", "summaries/files.py", """return "'" + cell if""", """return "" + cell if""",
           ("attacks",)),
    Mutant("names of devices", "store.py", "while name in taken or name in _DEVICES:", "while name in taken:",
           ("attacks",)),
    Mutant("patterns in the order of people", "respondents.py",
           "order = np.lexsort((*keys[first].T, *leading.T[::-1]))", "order = np.argsort(first)", ("respondents",)),
    Mutant("checks by cell forget a failed fit", "check.py", "return whole.assign(status=fit.diagnosis.status)",
           'return whole.assign(status="passed")', ("saved",)),
    Mutant("small cells: the large ones kept back", "disclosure.py", "(people_of_lines(fit) < least) & ~published",
           "(people_of_lines(fit) >= least) & ~published", ("disclosure",)),
    Mutant("small cells: stored all the same", "disclosure.py", ".where(xr.DataArray(~small,",
           ".where(xr.DataArray(small | ~small,",
           ("disclosure",)),
    Mutant("own interval: failures are everybody", "side_by_side.py", "(size - high)[:, None] + 0.5",
           "size[:, None] + 0.5",
           ("disclosure",)),
    # --- populations
    Mutant("population: rows of one kind averaged", "populations.py", "observed=True)[SIZE].sum()",
           "observed=True)[SIZE].mean()", ("populations",)),
    Mutant("population: repeated rows count twice", "headcounts.py", "return values, problems",
           "return values * (1 + pd.Series(values).duplicated().to_numpy()), problems", ("populations",)),
    Mutant("raking: sizes of the other cells", "raking.py", "_place=np.arange(len(margin))",
           "_place=np.arange(len(margin))[::-1]", ("populations",)),
    Mutant("weights: a person counts once per ally", "raking.py", "np.bincount(question, count)[question])",
           "np.bincount(person, count)[question])", ("populations",)),
    # --- what a spec declares, experiments, poststratification
    Mutant("declared: levels by the alphabet", "gathering.py", "{name: factor.levels for name, factor in",
           "{name: tuple(sorted(factor.levels)) for name, factor in", ("declared", "experiments")),
    Mutant("declared: interaction against the first level", "design.py", "[x for x in f.levels if x != f.baseline]",
           "[x for x in f.levels if x != f.levels[0]]", ("declared",)),
    Mutant("declared: slope by group of the next group", "predictor.py",
           "index = group_index(block.by, rows, design.levels)[used]",
           "index = group_index(block.by, rows, design.levels)[used]\n"
           "        index = (index + (block.carrier.covariate is not None)) % math.prod(design.shape(block))",
           ("declared",)),
    Mutant("declared: covariate of the next group", "cells.py",
           "out[covariate.name] = grid[tuple(codes[f] for f in covariate.by)]",
           "out[covariate.name] = np.roll(grid, 1)[tuple(codes[f] for f in covariate.by)]", ("declared",)),
    Mutant("declared: weights within cells", "design_effect.py",
           "cells.groupby(list(FACTORS), sort=False, dropna=False).ngroup().to_numpy()", "np.arange(len(cells))",
           ("declared",)),
    Mutant("declared: missing arms unseen", "cautions.py", "if i not in own]", "if i not in shown]", ("declared",)),
    Mutant("experiments: restriction of one arm only", "effects.py", "for label in (level, base):\n        code",
           "for label in (level,):\n        code", ("experiments",)),
    Mutant("experiments: uniform over what is never shown", "profiles.py",
           "keep = allowed(spec.restrictions, levels, codes)", "keep = allowed((), levels, codes)", ("experiments",)),
    Mutant("experiments: effects against the first level", "effects.py",
           "base = (baseline or {}).get(attribute.name, attribute.baseline)",
           "base = (baseline or {}).get(attribute.name, attribute.levels[0])", ("experiments",)),
    Mutant("experiments: shares not normalised", "experiments.py", "means = total / weights.sum(0)",
           "means = total / np.maximum(weights.sum(0), 0.5)", ("experiments",)),
    Mutant("experiments: moderation reversed", "experiments.py",
           'values[:, pair["_at"]] - values[:, pair["_at_base"]]',
           'values[:, pair["_at_base"]] - values[:, pair["_at"]]', ("experiments",)),
    Mutant("experiments: elites against publics elsewhere", "experiments.py",
           "keys = [k for k in dict.fromkeys((*FACTORS, LEVEL, *by)) if k != moderator]",
           'keys = [k for k in dict.fromkeys((*FACTORS, LEVEL, *by)) if k not in (moderator, "country")]',
           ("experiments",)),
    Mutant("experiments: the rest as shown with the baseline", "effects.py", "distinct(everyone(kinds.where(keep), [",
           "distinct(everyone(kinds.where(keep & (kinds.codes[attribute.name] == 0)), [", ("experiments",)),
    Mutant("experiments: small groups thinned away", "effects.py", "thinned(all_kinds, AT_MOST, given)",
           "thinned(all_kinds, AT_MOST)", ("experiments",)),
    Mutant("poststratify: questions of equal shares", "profiles.py", "size.append(weight[grid[0]] * share[grid[1]])",
           "size.append(weight[grid[0]])", ("poststratify",)),
    Mutant("poststratify: labels in order of appearance", "poststratify.py",
           "{label: i for i, label in enumerate(labels)}", "{x: i for i, x in enumerate(dict.fromkeys(column))}",
           ("poststratify",)),
    Mutant("poststratify: people of other countries", "poststratify.py", "elsewhere=False", "elsewhere=True",
           ("poststratify",)),
    Mutant("poststratify: a country left out in silence", "asked.py", 'on=list(PLACE), how="left"',
           'on=list(PLACE), how="inner"', ("poststratify",)),
    Mutant("poststratify: groups that nobody is in", "asked.py", "there = kinds.where(kinds.share > 0)",
           "there = kinds", ("poststratify",)),
    Mutant("poststratify: a shift over those asked", "estimands.py", "{name: x}, weeks, kinds=kinds)",
           "{name: x}, weeks)", ("poststratify",)),
    # bad inputs
    Mutant("labels are checked before they are mapped", "factors.py", "problems += label_problems(role, factors[role])",
           "problems += label_problems(role, coded if column else factors[role])", ("bad_inputs",)),
    Mutant("groups that look the same are let in", "intake.py", "wrong or alike_problems(out[name])", "wrong",
           ("bad_inputs",)),
    Mutant("times of several zones are let in", "dates.py", "if len(set(zones)) > 1:", "if len(set(zones)) > 9:",
           ("bad_inputs",)),
    Mutant("local days for days in UTC", "dates.py", "str(time.astimezone(dt.UTC).date())", "str(time.date())",
           ("bad_inputs",)),
    Mutant("days are not held against their wave", "gathering.py",
           "outside = days[(days < np.datetime64(wave.start)) | (days > np.datetime64(wave.end))]",
           "outside = days[:0]", ("bad_inputs",)),
    Mutant("self-ratings are never warned of", "forewarn.py", "if both and not known and", "if False and",
           ("bad_inputs",)),
    Mutant("drop-out by country taken for drop-out by answer", "forewarn.py",
           'people.groupby(["country", "population"])["yes"].transform("mean")', 'people["yes"].mean()',
           ("bad_inputs",)),
    Mutant("drop-out is never warned of", "forewarn.py", "UNLIKELY = 3.29", "UNLIKELY = 329", ("bad_inputs",)),
    Mutant("few elites are never warned of", "cautions.py", "FEW_PEOPLE = 30", "FEW_PEOPLE = 0", ("bad_inputs",)),
    Mutant("elites counted over all cells", "cautions.py", "size = np.bincount(cell, people)[cell]",
           "size = np.full(n, people.sum())", ("bad_inputs",)),
    Mutant("within is not looked at", "traits.py", "(a.name for a in spec.attributes if a.within)", "()",
           ("bad_inputs",)),
    Mutant("waves listed by the alphabet", "gathering.py", 'key=_natural if factor == "wave" else None', "key=None",
           ("bad_inputs",)),
    Mutant("per cents for counts in silence", "intake.py", "(abs(whole - 100) <= 1).all()", "False", ("bad_inputs",)),
    Mutant("halves of characters are let in", "labels.py", "if problems := _text_problems(texts, codes, column):",
           "if problems := []:", ("every_door",)),
    Mutant("means printed otherwise than they say", "means.py", "return abs(steps - round(steps)) <= 1e-6",
           "return True", ("every_door",)),
    Mutant("weights of any size", "design_effect.py", "LEAST, MOST = 1e-12, 1e12", "LEAST, MOST = 0.0, 1e308",
           ("every_door",)),
    Mutant("covariates labelled 1.0", "covariates.py",
           'return np.array([*coded.labels, ""], dtype=object)[coded.codes].tolist(), []',
           "return [str(v) for v in series.tolist()], []", ("every_door",)),
    # --- tables, commands, cards
    Mutant(
        "tables: the verdict of the gates is always good",
        "tabulating/notes.py",
        'bad = [failed_gates(s) for s in status if s != "passed"]',
        "bad: list[str] = []",
        ("tables",),
    ),
    Mutant(
        "tables: an interval has its bounds the wrong way round",
        "tabulating/estimates.py",
        "[{number(low, digits=digits)}, {number(high, digits=digits)}]",
        "[{number(high, digits=digits)}, {number(low, digits=digits)}]",
        ("tables",),
    ),
    Mutant(
        "tables: a label is not escaped in LaTeX",
        "tabulating/formats.py",
        '[" & ".join(map(tex, row))',
        '[" & ".join(map(plain, row))',
        ("tables",),
    ),
    Mutant(
        "tables: labels of LaTeX are not wrapped",
        "tabulating/formats.py",
        "hangindent=1em}X",
        "hangindent=1em}l",
        ("tables",),
    ),
    Mutant(
        "tables: a LaTeX table over pages has its headings on the first alone",
        "tabulating/formats.py",
        r'r"\toprule", heads, r"\midrule", r"\endhead"',
        r'r"\toprule", r"\midrule", r"\endhead"',
        ("tables",),
    ),
    Mutant(
        "tables: styles of a table hold for the whole page",
        "tabulating/formats.py",
        'else f"#{mark} {s.strip()}" for s',
        "else s.strip() for s",
        ("tables",),
    ),
    Mutant(
        "handout: the truth is that of another seed",
        "handout.py",
        "made = simulate(parsed, random_seed=random_seed)",
        "made = simulate(parsed, random_seed=(random_seed or 0) + 1)",
        ("handout",),
    ),
    Mutant(
        "plans: the error of a share forgets how many simulations there were",
        "plans.py",
        "np.sqrt(middle * (1 - middle) / (trials + 4))",
        "np.sqrt(middle * (1 - middle))",
        ("handout",),
    ),
    Mutant(
        "kept: counts of small cells are kept in a folder for others",
        "kept.py",
        "behind = [people_of_cells(fit)]",
        "behind = []",
        ("handout",),
    ),
    Mutant(
        "cli: a failed gate ends like a passed one",
        "commands.py",
        'return Said(facts, text, _GATE_FAILED, tuple(said), last)',
        'return Said(facts, text, _PASSED, tuple(said), last)',
        ("cli",),
    ),
    Mutant(
        "cli: what was measured of another spec is shown",
        "shelf.py",
        'if facts.get("spec_sha256") != spec.digest:',
        'if not facts:',
        ("cli",),
    ),
    Mutant(
        "cards: a bar points the other way",
        "cards/results.py",
        "(x - ends[0]) / width",
        "(ends[1] - x) / width",
        ("cards",),
    ),
    Mutant(
        "cards: a pooled term shows the prior it does not use",
        "cards/results.py",
        "isinstance(p, HalfNormal) == pooled",
        "isinstance(p, HalfNormal) != pooled",
        ("cards",),
    ),
)  # fmt: skip


# --- planting -------------------------------------------------------------------------------------
def place(mutant: Mutant, root: Path) -> tuple[Path, str]:
    """Return the file a bug goes into and, if it cannot be planted, why.

    That is ``mutant.file``, or, where the code has moved, the one file of the package that has the old text.
    """
    path = root / PACKAGE / mutant.file
    counts = {p: p.read_text(encoding="utf-8").count(mutant.old) for p in sorted((root / PACKAGE).rglob("*.py"))}
    if not counts.get(path):
        others = [p for p, n in counts.items() if n]
        if len(others) != 1:
            return path, f"its old text is in {len(others)} files, {mutant.file} not among them"
        path = others[0]
    if counts[path] != 1:
        return path, f"its old text is {counts[path]} times in {path.name}"
    try:
        compile(path.read_text(encoding="utf-8").replace(mutant.old, mutant.new), path.name, "exec")
    except SyntaxError as error:
        return path, f"it does not compile: {error}"
    return path, ""


def suite(first: Sequence[str], root: Path, quick: bool) -> list[str]:
    """Return the test files, the likely catchers first and the slow or distant ones last."""
    wanted = [f"tests/test_{name}.py" for name in first if (root / f"tests/test_{name}.py").exists()]
    if quick and wanted:
        return wanted
    every = sorted(p for p in (root / "tests").glob("test_*.py") if p.name not in NEVER)
    rest = sorted(every, key=lambda p: LAST.index(p.name) if p.name in LAST else -1)
    return [*dict.fromkeys([*wanted, *(str(p.relative_to(root)) for p in rest)]), "src"]


def run(root: Path, files: Sequence[str], cache: Path, *options: str) -> tuple[int, list[str], str]:
    """Run pytest in a copy; return its exit code, the tests that failed, and its output."""
    environment = os.environ | {
        "PYTHONPATH": str(root / "src"), "NUMBA_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1", "CI": "1",
        "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "--no-header", "-p", "no:cacheprovider", "--tb=no", "-rfE"]
    try:
        done = subprocess.run(
            [*command, *options, *files], cwd=root, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return 1, ["(time ran out)"], ""
    failed = re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, flags=re.MULTILINE)
    return done.returncode, failed, done.stdout + done.stderr


def check_copy(root: Path, cache: Path) -> None:
    """Stop unless the tests of the copy would import the package of the copy."""
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "NUMBA_CACHE_DIR": str(cache)}
    code = "import alliancecred; print(alliancecred.__file__)"
    found = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True)
    if not found.stdout.startswith(str(root)):
        sys.exit(f"the copy in {root} is not what is imported: {found.stdout or found.stderr}")


def plant(mutant: Mutant, root: Path, caches: Path, skip: Sequence[str], quick: bool) -> str:
    """Return which test caught a bug, or SURVIVED."""
    path, wrong = place(mutant, root)
    if wrong:
        return f"STALE: {wrong}"
    sound, stat = path.read_text(encoding="utf-8"), path.stat()
    # A changed kernel is compiled into a folder of its own; all else shares the compiled sound kernel.
    cache = caches / "sound"
    if "numba" in sound:
        cache = Path(tempfile.mkdtemp(dir=caches))
    path.write_text(sound.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        code, failed, output = run(root, suite(mutant.first, root, quick), cache, "-x", *skip)
    finally:
        path.write_text(sound, encoding="utf-8")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    if code == 0:
        return "SURVIVED"
    return failed[0] if failed else f"pytest stopped: {output.strip().splitlines()[-1][:100]}"


def table(found: Sequence[tuple[Mutant, str]]) -> Iterator[str]:
    """Yield the lines of the Markdown table."""
    yield "| bug | file | caught by |"
    yield "|---|---|---|"
    for mutant, by in found:
        name = by if by.startswith(("SURVIVED", "STALE", "(", "pytest")) else f"`{by.removeprefix('tests/')}`"
        yield f"| {mutant.name} | {mutant.file} | {name.replace('|', chr(92) + '|')} |"


def report(found: Sequence[tuple[Mutant, str]], failing: Sequence[str]) -> str:
    """Return the text of the committed report."""
    survived = sum(by.startswith(("SURVIVED", "STALE")) for _, by in found)
    head = [
        "# Planted bugs and the tests that catch them", "",
        "Written by `make mutants` (`tools/mutants.py`); run it again after a change of the package or of the tests.",
        f"{len(found)} bugs, {len(found) - survived} caught by a fast test, {survived} not. The test named is the",
        "first to fail; others may fail too.", "",
    ]  # fmt: skip
    tail = ["", "Left out, because they fail without any bug:", "", *(f"- `{f}`" for f in failing)] if failing else []
    return "\n".join([*head, *table(found), *tail, ""])


def known() -> dict[str, str]:
    """Return bug → catcher as the committed report has it."""
    text = REPORT.read_text(encoding="utf-8") if REPORT.exists() else ""
    rows = re.findall(r"^\| (.+?) \| \S+ \| `?(.+?)`? \|$", text, flags=re.MULTILINE)
    return {name: by.replace("\\|", "|") for name, by in rows}


def merged(found: Sequence[tuple[Mutant, str]], before: dict[str, str]) -> list[tuple[Mutant, str]]:
    """Return every bug in order with what this run found, or else the report before; unknown: never planted."""
    now = {m.name: by for m, by in found}
    return [(m, now.get(m.name, before.get(m.name, "STALE: never planted"))) for m in MUTANTS]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="bugs to plant; none: all")
    parser.add_argument("--quick", action="store_true", help="only the likely catchers")
    parser.add_argument("--list", action="store_true", help="list the bugs and whether they can be planted")
    given = parser.parse_args()
    unknown = set(given.names) - {m.name for m in MUTANTS}
    if unknown:
        parser.error(f"no such bug: {', '.join(sorted(unknown))}; see --list")
    chosen = [m for m in MUTANTS if not given.names or m.name in given.names]
    if given.list:
        for mutant in chosen:
            path, wrong = place(mutant, ROOT)
            print(f"{mutant.name}: {f'STALE: {wrong}' if wrong else f'can be planted in {path.name}'}")
        return int(any(place(m, ROOT)[1] for m in chosen))

    found: list[tuple[Mutant, str]] = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        root, caches = Path(folder).resolve() / "copy", Path(folder).resolve() / "numba"
        shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*NOT_COPIED), symlinks=True)
        (caches / "sound").mkdir(parents=True)
        check_copy(root, caches / "sound")
        first = list(dict.fromkeys(name for m in chosen for name in m.first))
        _, failing, _ = run(root, suite(first, root, given.quick), caches / "sound")
        for test in failing:
            print(f"fails without any bug, left out: {test}", flush=True)
        skip = [option for test in failing for option in ("--deselect", test)]
        for mutant in chosen:
            start = time.perf_counter()
            by = plant(mutant, root, caches, skip, given.quick)
            found.append((mutant, by))
            print(f"{time.perf_counter() - start:6.0f} s  {mutant.name}: {by}", flush=True)
    if given.quick:
        print("\n".join(table(found)))
    else:
        REPORT.write_text(report(merged(found, known()), failing), encoding="utf-8")
        print(f"written: {REPORT.relative_to(ROOT)}")
    return int(any(by.startswith(("SURVIVED", "STALE")) for _, by in found))


if __name__ == "__main__":
    sys.exit(main())
