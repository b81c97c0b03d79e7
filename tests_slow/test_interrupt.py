"""Ctrl-C, and kill -9: never a wrong number, draws that are not lost, and the same bits after going on."""

import json
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.alone
# The signal comes at the moment that WHERE names: as soon as that function is called, or some time after.
CODE = """
import importlib, json, os, signal, sys, threading
import alliancecred as ac
from alliancecred.run import run
module, name, after = sys.argv[2].split(":")
home = importlib.import_module(module)
really = getattr(home, name)

def stop():
    os.kill(os.getpid(), signal.SIGINT)

def called(*arguments, **options):
    if float(after):
        threading.Timer(float(after), stop).start()
    else:
        stop()
    return really(*arguments, **options)

setattr(home, name, called)
said = {}
try:
    run("retrenchment_simulated", sys.argv[1], draws=int(sys.argv[3]), chains=2, method="nuts")
    said["what"] = "done"
except ac.IncompleteFitError as error:
    said |= {"what": "incomplete", "message": str(error)}
    if error.partial is not None:
        path = ac.save(error.partial, sys.argv[1] + ".partial.nc")
        said |= {"status": ac.load(path).diagnosis.status, "draws": int(error.partial.posterior.sizes["draw"])}
except KeyboardInterrupt:
    said["what"] = "interrupted"
print(json.dumps(said))
"""
POINTS = {
    "reading": ("alliancecred.run:open_sources:0", 200),
    "compiling": ("alliancecred.kernel:callbacks:0", 200),
    "tuning": ("nutpie:sample:0.05", 100_000),
    "sampling": ("nutpie:sample:6", 100_000),
    "gates": ("alliancecred.assemble:diagnosis:0", 200),
    "writing": ("alliancecred.run:write_spec:0", 200),
}


@pytest.mark.parametrize("point", POINTS)
def test_an_interrupt_gives_no_number_that_is_not_marked(point, tmp_path):
    out = tmp_path / "out"
    where, draws = POINTS[point]
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(out), where, str(draws)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    if point in ("sampling", "gates"):
        assert said["what"] == "incomplete"
        assert "partial: " in said["status"]
        assert said["draws"] >= 10
    else:
        assert said["what"] in ("interrupted", "incomplete")
    assert point != "writing" or said["what"] == "interrupted"
    assert not (out / "lock.json").exists()
    assert not list(out.glob(".*"))
    names = {p.name for p in out.glob("*.*")}
    assert not names & {"report.html", "spec.toml"}
    assert ("draws.nc" in names) == (point == "writing")


# --- kill -9 ------------------------------------------------------------------------------------
FIT = """
import hashlib, sys, warnings
warnings.simplefilter("ignore")
import alliancecred as ac
from alliancecred.spec_file import models_dir
spec = ac.read_spec(models_dir() / "retrenchment_simulated.toml")
sampling = ac.Sampling(keep=sys.argv[1], retries=0, cores=2)
fit = ac.fit(spec, ac.simulate(spec).survey, random_seed=5, draws=400, chains=12, method="nuts", sampling=sampling)
whole = hashlib.sha256()
for name in sorted(map(str, fit.posterior)):
    whole.update(fit.posterior[name].values.tobytes())
print(whole.hexdigest())
"""


def fit(folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", FIT, str(folder)], capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def kept(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.glob("chain_*"))}


def test_twenty_kills_lose_no_finished_chain_and_change_no_bit(tmp_path):
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    want = fit(alone)
    whole = kept(alone)
    assert len(whole) == 12
    random.seed(20)
    kills, at_work, before = 0, 0, {}
    while kills < 20:
        process = subprocess.Popen([sys.executable, "-c", FIT, str(killed)], stdout=subprocess.DEVNULL)
        # twelve at any moment from the start on, eight soon after a further chain has ended
        if kills % 5 < 3:
            time.sleep(random.uniform(0.3, 4.0))
        else:
            deadline = time.monotonic() + 60
            while len(kept(killed)) <= len(before) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(random.uniform(0.0, 0.3))
        at_work += process.poll() is None
        process.kill()
        process.wait()
        now = kept(killed)
        assert {k: now[k] for k in before} == before  # nothing that was there is gone or has changed
        assert {k: whole[k] for k in now} == now  # and everything that is there is right
        before = now
        kills += 1
        if len(now) == len(whole):  # take some away, so that there is something left to kill
            for name in random.sample(sorted(now), 6):
                (killed / name).unlink()
                before.pop(name)
    assert at_work >= 15
    assert fit(killed) == want
    assert kept(killed) == whole


# --- memory -------------------------------------------------------------------------------------
MEMORY = """
import resource, sys
import alliancecred as ac
from alliancecred.spec_file import models_dir
spec = ac.read_spec(models_dir() / "retrenchment_simulated.toml")
survey = ac.simulate(spec).survey
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2 * 10**9,) * 2)
try:
    ac.fit(spec, survey, random_seed=1, draws=100_000, method=sys.argv[1], progressbar=False)
except ac.TooLargeError as error:
    print(error)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc")
@pytest.mark.parametrize("method", ["nuts", "laplace"])
def test_a_limit_on_memory_is_an_error_that_says_so(method):
    done = subprocess.run([sys.executable, "-c", MEMORY, method], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    need, free = (float(x) for x in re.findall(r"([0-9.]+) GB (?:of memory|is free)", done.stdout))
    assert free < 2.1 < need  # more than the limit leaves, less than the machine may have
