"""Same seed, same bits: whether the compiled functions come from the compiler or from the cache on disk."""

import os
import subprocess
import sys
from pathlib import Path

FIT = """
import hashlib, sys
sys.path.insert(0, {tests!r})
from models import RICH, make
from alliancecred.fitting import fit_design
design, cells = make(3, RICH)
for method in ("laplace", "nuts"):
    fit = fit_design(design, cells, random_seed=7, draws=100, method=method)
    digest = hashlib.sha256()
    for name in sorted(fit.posterior):
        digest.update(fit.posterior[name].values.tobytes())
    print(method, digest.hexdigest())
"""


def run(cache: Path) -> list[str]:
    code = FIT.format(tests=str(Path(__file__).parents[1] / "tests"))
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[:2]


def test_a_cold_and_a_warm_compile_cache_give_the_same_bits(tmp_path):
    cold = run(tmp_path)
    compiled = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.nbc")}
    assert len(compiled) > 10
    assert run(tmp_path) == cold
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.nbc")} == compiled  # the second run compiled nothing
    assert [line.split()[0] for line in cold] == ["laplace", "nuts"]
    assert len({line.split()[1] for line in cold}) == 2
