"""Where every number of a report comes from: versions, digests, seeds, and what was done otherwise than locked."""

import json
from collections.abc import Hashable, Mapping
from typing import Any

from ..markup import Html, details, el, link, pairs, section, table
from ..preregistration import deviations
from ..spec_file import spec_to_toml
from .contents import Contents

ENGINES = {"laplace": "nested Laplace with importance correction", "nuts": "no-U-turn sampler (NUTS)"}


def provenance(contents: Contents) -> Html:
    """Return where every number comes from, down to versions and digests."""
    attrs, post = contents.fit.idata.attrs, contents.fit.posterior.sizes
    versions = json.loads(str(attrs["versions"]))
    items = [
        ("Analysis", f"{contents.spec.name}, SHA-256 {contents.spec.digest}"),
        *((f"Source {path}", f"SHA-256 {digest}") for path, digest in contents.files),
        ("Date", contents.date),
        ("Seed", str(attrs["random_seed"])),
        (
            "Engine",
            f"{ENGINES[str(attrs['method'])]}, {post['chain']} × {post['draw']:,} draws {_effort(attrs)}",
        ),
        (
            "Wall time",
            f"{contents.seconds:.0f} s in all, {float(str(attrs['fit_time'])):.1f} s of it fitting the main analysis",
        ),
        ("Versions", ", ".join(f"{k} {v}" for k, v in versions.items())),
    ]
    files = el(
        "p",
        "Files: ",
        link("spec.toml", "spec.toml"),
        ", ",
        link("lock.json", "lock.json"),
        ", ",
        link("ppc.csv", "ppc.csv"),
        ".",
    )
    toml = details("The analysis as it was run (TOML)", el("pre", spec_to_toml(contents.spec)))
    return section("Provenance", pairs(items), *_against_plan(contents), files, toml, anchor="provenance")


def _against_plan(contents: Contents) -> list[Html]:
    """Return what the analysis does differently from the one that was locked."""
    if (plan := contents.locked) is None:
        return []
    changes = deviations(plan, contents.spec)
    if changes.empty:
        return [el("p", f"The analysis is as it was locked on {plan.date} (SHA-256 {plan.digest}).")]
    said = f"An analysis was locked on {plan.date} (SHA-256 {plan.digest}). This one differs from it:"
    rows = [[str(v) for v in row] for row in changes.itertuples(index=False)]
    return [el("p", said), table(("Where", "Locked", "Used", "Touches"), rows, caption="Deviations from the lock")]


def _effort(attrs: Mapping[Hashable, Any]) -> str:
    if attrs["method"] == "laplace":
        return f"resampled from {attrs['evaluations']:,} weighted ones"
    thin = int(attrs.get("thin", 1))
    return (
        f"({attrs['inference_library']}) after {attrs['tuning_steps']} tuning steps, "
        f"target acceptance {attrs['target_accept']}" + (f", the last of every {thin} draws" if thin > 1 else "")
    )
