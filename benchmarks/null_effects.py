"""How often does an experiment in which nothing matters seem to show something, with pooling and without?

    python benchmarks/null_effects.py [EXPERIMENTS]

Ten attributes of four levels, 2,000 profiles, answers tossed. Counted are experiments in which any of the 30 effects
against a baseline has a 95 % interval that excludes zero (effects on the logit scale: the sign is that of the AMCE).
"""

import sys
import time
import warnings

import numpy as np
import pandas as pd

import alliancecred as ac
from alliancecred.priors import Flat

NAMES, LEVELS, PROFILES = tuple(f"a{i}" for i in range(10)), ("p", "q", "r", "s"), 2000


def spec_of(name: str, terms: tuple[ac.Level | ac.Effect, ...]) -> ac.Spec:
    """Return the experiment with these terms."""
    return ac.Spec(
        name,
        ("no", "yes"),
        ("yes",),
        terms,
        attributes=tuple(ac.Attribute(n, LEVELS, LEVELS[0]) for n in NAMES),
        countries=("US",),
        allies=("profile",),
    )


POOLED = spec_of("pooled", tuple(ac.Level((n,)) for n in NAMES))
UNPOOLED = spec_of("unpooled", tuple(ac.Effect((n,), Flat()) for n in NAMES))


def tossed(seed: int) -> ac.Survey:
    """Return an experiment in which nothing matters."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({n: rng.choice(LEVELS, PROFILES) for n in NAMES}).assign(y=rng.choice(["no", "yes"], PROFILES))
    return ac.read_survey(
        frame,
        roles=ac.Roles(answer="y"),
        answers=("no", "yes"),
        top=("yes",),
        constants={"country": "US", "ally": "profile"},
        traits={n: n for n in NAMES},
    )


def excluded(fit: ac.Fit) -> int:
    """Return how many of the effects have an interval that excludes zero."""
    draws = fit.draws()
    if f"effect_{NAMES[0]}" in draws:
        effects = np.concatenate([draws[f"effect_{n}"] for n in NAMES], axis=1)
    else:
        effects = np.concatenate([draws[f"level_{n}"][:, 1:] - draws[f"level_{n}"][:, :1] for n in NAMES], axis=1)
    low, high = np.quantile(effects, [0.025, 0.975], axis=0)
    return int(((low > 0) | (high < 0)).sum())


def main(experiments: int) -> None:
    """Print the share of experiments that seem to show something, and how many fits passed their gates."""
    warnings.simplefilter("ignore")
    for spec in (UNPOOLED, POOLED):
        begin, found, passed = time.perf_counter(), [], 0
        for seed in range(experiments):
            fit = ac.fit(spec, tossed(seed), random_seed=seed, progressbar=False)
            found.append(excluded(fit))
            passed += fit.diagnosis.passed
        some = np.mean(np.array(found) > 0)
        seconds = (time.perf_counter() - begin) / experiments
        print(
            f"{spec.name}: {100 * some:.1f} % of {experiments} experiments exclude zero somewhere; "
            f"{np.mean(found):.2f} effects on average; {passed} passed; {seconds:.1f} s each",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
