"""Fit every shipped analysis whose data are there, run the tests that reproduce what was published, note both.

    python tools/catalogue.py --data FOLDER [NAME ...]    writes models/measured.json, which `alliancecred models` reads

Data files are looked for beside the models and anywhere below FOLDER. Each fit runs in a process of its own, seed 1;
the seconds are those from the data to the posterior, first compilation included, on a machine that may have other work.
Facts carry the SHA-256 of the spec they hold for; those of a spec that has changed are not shown.
"""

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import alliancecred as ac
from alliancecred.shelf import MEASURED, files_of
from alliancecred.spec_file import models_dir

ROOT = Path(__file__).resolve().parents[1]
# the tests that hold an analysis against numbers from elsewhere: publications, stored fits, or the truth it simulates
TESTS = {
    "conjoint_immigration": ("test_published.py::test_unpooled_marginal_means_of_immigrants_are_the_published_ones",),
    "conjoint_immigration_choice": (
        "test_published.py::test_choices_of_immigrants_have_the_raw_marginal_means_in_narrower_intervals",
    ),
    "conjoint_taxes": ("test_published.py::test_an_unpooled_effect_of_taxes_is_the_published_one",),
    "georgia_2016": ("test_published.py::test_votes_in_georgia_are_those_of_the_stored_fit",),
    "microcode_2025": (
        "test_demo.py::test_microcode_shifts_are_those_of_the_publications",
        "test_demo.py::test_microcode_levels_are_within_three_points_of_what_was_published",
    ),
    "panel_simulated": ("test_people.py::test_the_truth_of_a_large_panel_is_found",),
    "retrenchment_simulated": ("test_demo.py::test_the_simulated_analysis_says_so_and_finds_its_truth",),
    "tomz_weeks_2021": (
        "test_published.py::test_an_alliance_raises_support_as_published",
        "test_published.py::test_the_weighted_effect_of_an_alliance_is_the_published_one",
        "test_published.py::test_effects_in_24_groups_are_the_published_ones",
    ),
    "world_values_common_cuts": ("test_people.py::test_common_cuts_are_those_of_the_reference",),
    "world_values_cuts_by_country": ("test_people.py::test_freed_cuts_fit_the_shares_that_common_ones_miss",),
}
FIT = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import alliancecred as ac
from alliancecred.opening import open_sources
import alliancecred.identify, alliancecred.engines.laplace
spec = ac.read_spec(sys.argv[1])
start = time.perf_counter()
fit = ac.fit(spec, *open_sources(spec, sys.argv[2]).sources, random_seed=1, progressbar=False)
seconds = time.perf_counter() - start
attrs = fit.idata.attrs
print(json.dumps({"seconds": round(seconds, 1), "engine": attrs["method"], "status": fit.diagnosis.status}))
"""


def folder_with(files: tuple[str, ...], data: Path | None, name: str) -> Path | None:
    """The folder that has all the files of an analysis."""
    for folder in [models_dir(), *([data, *sorted(p for p in data.rglob("*") if p.is_dir())] if data else [])]:
        if all((folder / f).is_file() for f in files):
            return folder
    return None


def fitted(name: str, folder: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", FIT, str(models_dir() / f"{name}.toml"), str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def tested(tests: tuple[str, ...]) -> list[dict[str, str]]:
    """Each test with its outcome: passed, failed or skipped."""
    if not tests:
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.xml"
        names = [f"tests_slow/{t}" for t in tests]
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n0", f"--junitxml={path}", *names], cwd=ROOT, capture_output=True
        )
        cases = {str(c.get("name")): c for c in ET.parse(path).iter("testcase")}
    out = []
    for test in tests:
        case = cases.get(test.partition("::")[2])
        kinds = (
            {"missing"} if case is None else {child.tag for child in case} - {"properties", "system-out", "system-err"}
        )
        out.append({"test": f"tests_slow/{test}", "outcome": "passed" if not kinds else sorted(kinds)[0]})
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="analyses; none: all")
    parser.add_argument("--data", type=Path, help="a folder below which data files lie")
    given = parser.parse_args()
    path = models_dir() / MEASURED
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found = dict(old.get("models", {}))
    for name in given.names or ac.shipped_models():
        spec = ac.read_spec(models_dir() / f"{name}.toml")
        folder = folder_with(files_of(spec), given.data, name)
        if folder is None:
            print(f"{name}: its data are not there", flush=True)
            continue
        found[name] = {"spec_sha256": spec.digest, **fitted(name, folder), "tests": tested(TESTS.get(name, ()))}
        print(name, json.dumps(found[name]), flush=True)
        whole = {
            "note": "written by tools/catalogue.py from real runs; not edited by hand",
            "date": dt.date.today().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
            "models": dict(sorted(found.items())),
        }
        path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
