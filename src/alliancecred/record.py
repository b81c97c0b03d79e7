"""What identifies a run: analysis, sources, versions, seed, verdict, and how it departs from its lock."""

import json

from .preregistration import deviations
from .report import Contents


def run_record(contents: Contents) -> dict[str, object]:
    """Return what goes into ``lock.json``."""
    attrs, post = contents.fit.idata.attrs, contents.fit.posterior.sizes
    return {
        "format": 1,
        "name": contents.spec.name,
        "spec_sha256": contents.spec.digest,
        "simulated": contents.spec.simulated,
        "sources": [{"path": path, "sha256": digest} for path, digest in contents.files],
        "versions": json.loads(attrs["versions"]),
        "sampler": attrs["inference_library"],
        "random_seed": int(attrs["random_seed"]),
        "chains": int(post["chain"]),
        "draws": int(post["draw"]),
        "status": contents.status,
        "locked": None
        if (plan := contents.locked) is None
        else {
            "sha256": plan.digest,
            "date": plan.date,
            "deviations": deviations(plan, contents.spec).to_dict("records"),
        },
        "date": contents.date,
    }
