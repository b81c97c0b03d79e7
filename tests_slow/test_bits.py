"""Same seed, same bits: a cold, a shared, a torn or a warm cache of compiled code, any number of cores, any order."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliancecred as ac
from alliancecred.fitting import Fit, fit_design, prepare

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))
from models import RICH, make  # noqa: E402

FIT = """
import sys
sys.path.insert(0, {tests!r})
sys.path.insert(0, {here!r})
from test_bits import RICH, bits, fit_design, make
design, cells = make(3, RICH)
for method in ("laplace", "nuts"):
    print(method, bits(fit_design(design, cells, random_seed=7, draws=100, method=method)))
"""


def bits(fit: Fit) -> str:
    whole = hashlib.sha256()
    for name in sorted(map(str, fit.posterior.variables)):
        whole.update(np.ascontiguousarray(fit.posterior[name].values).tobytes())
    return whole.hexdigest()


# --- compiled code --------------------------------------------------------------------------------
def start(cache: Path) -> subprocess.Popen[str]:
    code = FIT.format(tests=str(TESTS), here=str(Path(__file__).parent))
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def end(process: subprocess.Popen[str]) -> list[str]:
    out, error = process.communicate(timeout=900)
    assert process.returncode == 0, error[-3000:]
    return out.splitlines()[-2:]


@pytest.mark.alone
def test_cold_shared_torn_and_warm_caches_of_compiled_code_give_the_same_bits(tmp_path):
    """Three begin at once with the same empty cache, one of them is killed at work; a fourth finds what they left."""
    first, second, killed = (start(tmp_path) for _ in range(3))
    deadline = time.monotonic() + 300
    while len(list(tmp_path.rglob("*.nbc"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    begun = len(list(tmp_path.rglob("*.nbc")))
    cold = end(first)
    assert [line.split()[0] for line in cold] == ["laplace", "nuts"]
    assert len({line.split()[1] for line in cold}) == 2
    assert end(second) == cold
    compiled = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.nbc")}
    assert 5 <= begun < len(compiled)  # it was killed at work
    assert end(start(tmp_path)) == cold
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.nbc")} == compiled  # the last run compiled nothing


# --- cores and order ------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["laplace", "nuts"])
@pytest.mark.parametrize("keep", [False, True])
def test_the_number_of_cores_changes_no_bit(method, keep, tmp_path):
    design, cells = make(3, RICH)
    found = {
        bits(fit_design(design, cells, random_seed=7, draws=100, method=method, sampling=sampling))
        for sampling in (
            ac.Sampling(cores=n, keep=str(tmp_path / str(n)) if keep else None) for n in (None, 1, 2, 3, 4)
        )
    }
    assert len(found) == 1


def rows_of(name: str) -> tuple[ac.Spec, pd.DataFrame]:
    spec = ac.read_spec(Path(__file__).parents[1] / "models" / f"{name}.toml")
    table = ac.simulate(spec).survey.table
    table = table.assign(answer=np.asarray(spec.answers, dtype=object)[table["answer"]])
    return spec, table.loc[table.index.repeat(table["count"])].drop(columns="count").reset_index(drop=True)


@pytest.mark.parametrize(("name", "method"), [("retrenchment_simulated", "laplace"), ("retrenchment_simulated", "nuts"),
                                              ("panel_simulated", "nuts")])  # fmt: skip
@pytest.mark.filterwarnings("ignore::alliancecred.errors.DataWarning")
@pytest.mark.filterwarnings("ignore::alliancecred.errors.IdentificationWarning")
def test_the_order_of_the_rows_changes_no_bit(name, method):
    spec, table = rows_of(name)
    roles = ac.Roles(**{k: k for k in ("country", "ally", "wave", "population", "answer")},
                     respondent="respondent" if name.startswith("panel") else None)  # fmt: skip
    found = set()
    for order in (None, 1, 2):
        shuffled = table if order is None else table.sample(frac=1, random_state=order)
        survey = ac.read_survey(shuffled, roles=roles, answers=spec.answers, top=spec.top)
        _, cells, design = prepare(spec, survey)
        options = ac.Sampling(tune=200, retries=0)
        found.add(bits(fit_design(design, cells, random_seed=7, draws=40, method=method, sampling=options)))
    assert len(found) == 1
