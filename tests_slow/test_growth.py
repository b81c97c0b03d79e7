"""Data that outgrow memory: 10⁹ answers to cells in one call, other engines, and what the fit then costs."""

import json
import os
import shutil
import subprocess
import sys
import time
import warnings
from math import prod

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import alliancecred as ac
from alliancecred.sources import DataReport, ReportLine, Survey
from alliancecred.spec import Spec
from alliancecred.terms import FACTORS, Gap, Level

ROWS, BLOCK, LISTED = 20_000_000, 1_000_000, 50
ANSWERS = ("very unlikely", "unlikely", "likely", "very likely")
LABELS = {
    "country": ["DE", "FR", "IT", "LT", "PL", "US"],
    "ally": ["DE", "FR", "IT", "LT", "PL", "TR", "UK", "US"],
    "target": ["Latvia", "Taiwan"],
    "wave": ["2024-06", "2025-01", "2025-03", "2025-06"],
    "population": ["elite", "public"],
    "answer": list(ANSWERS),
}
ROLES = ac.Roles(**{role: role for role in LABELS})
SIZES = [len(labels) for labels in LABELS.values()]


def generate(path, rows=ROWS, *, text=True):
    """Write ten columns of answers; return the number of rows of every cell and answer."""
    rng = np.random.default_rng(1)
    counts = np.zeros(prod(SIZES), dtype=np.int64)
    writer = None
    for start in range(0, rows, BLOCK):
        codes = [rng.integers(0, size, BLOCK, dtype=np.int32) for size in SIZES]
        counts += np.bincount(np.ravel_multi_index(codes, SIZES), minlength=len(counts))
        columns = {
            name: pa.DictionaryArray.from_arrays(code, labels) if text else pa.array(code)
            for (name, labels), code in zip(LABELS.items(), codes, strict=True)
        }
        noise = {"age": rng.integers(18, 90, BLOCK), "weight": rng.random(BLOCK), "noise": rng.normal(size=BLOCK)}
        table = pa.table(columns | {"id": np.arange(start, start + BLOCK)} | noise)
        # plain text, as other programs write it, which Parquet stores as codes
        writer = writer or pq.ParquetWriter(path, table.schema, store_schema=False)
        writer.write_table(table)
    writer.close()
    return counts


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    path = tmp_path_factory.mktemp("growth") / "answers.parquet"
    return path, generate(path)


CODE = r"""
import json, re, sys, time, warnings
from pathlib import Path
import alliancecred as ac
path, listed, roles, answers, out = sys.argv[1], *map(json.loads, sys.argv[2:5]), sys.argv[5]
warnings.simplefilter("ignore")
start = time.perf_counter(), time.process_time()
survey = ac.read_survey([path] * listed, roles=ac.Roles(**roles), answers=answers, top=answers[2:])
wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
survey.table.to_pickle(out)
# the kernel's ru_maxrss would begin at what the process that started this one holds
peak = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
print(json.dumps({"wall": wall, "cpu": cpu, "MB": peak, "read": survey.report.total("read")}))
"""


def count_alone(path, listed, roles, labels, folder):
    """Count in a process of its own; return what it cost and the table."""
    out = folder / "table.pkl"
    arguments = [str(path), *map(json.dumps, (listed, roles, labels)), str(out)]
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cost = json.loads(done.stdout)
    cores = len(os.sched_getaffinity(0))
    # other work on the machine is no fault of ours: then what counts is the processor time, shared by all cores
    cost["seconds"] = min(cost["wall"], 1.2 * cost["cpu"] / cores)
    print(f"{listed * ROWS:,} rows: {cost}, load {os.getloadavg()[0]:.1f}")
    return cost, pd.read_pickle(out)


@pytest.mark.alone
def test_a_billion_answers_to_cells_in_a_minute_and_a_gigabyte(answers, tmp_path):
    path, counts = answers
    cost, table = count_alone(path, LISTED, {role: role for role in LABELS}, ANSWERS, tmp_path)
    assert cost["seconds"] < 60
    assert cost["MB"] < 1024
    assert cost["read"] == table["count"].sum() == LISTED * ROWS == 10**9
    assert (table["count"].to_numpy() == LISTED * counts).all()


@pytest.mark.alone
def test_whole_numbers_too(tmp_path):
    counts = generate(tmp_path / "codes.parquet", text=False).reshape(SIZES)
    counts = counts.sum(axis=(1, 2, 4))  # country, wave, answer
    roles = {"country": "country", "wave": "wave", "answer": "answer"}
    cost, table = count_alone(tmp_path / "codes.parquet", 10, roles, ("0", "1", "2", "3"), tmp_path)
    assert cost["seconds"] < 12  # a fifth of 10⁹ rows
    assert cost["MB"] < 1024
    assert (table["count"].to_numpy() == 10 * counts.ravel()).all()


@pytest.fixture(scope="module")
def fewer_answers(tmp_path_factory):
    path = tmp_path_factory.mktemp("growth") / "fewer.parquet"
    return path, generate(path, 2 * BLOCK)


def elsewhere(source, counts):
    start = time.perf_counter()
    survey = ac.read_survey(source, roles=ROLES, answers=ANSWERS, top=ANSWERS[2:])
    seconds = time.perf_counter() - start
    print(f"{survey.report.source}: {counts.sum() / seconds / 1e6:.1f} million rows/s, load {os.getloadavg()[0]:.1f}")
    assert (survey.table["count"].to_numpy() == counts).all()
    assert survey.report.total("read") == counts.sum()


# narwhals 2.29 announces that Dask will need a package of its own; it does not yet
@pytest.mark.filterwarnings("ignore:Dask support is moving out of Narwhals:FutureWarning")
@pytest.mark.filterwarnings("ignore:Port 8787 is already in use:UserWarning")  # another cluster runs beside ours
def test_a_dask_cluster_counts_its_own_rows(fewer_answers):
    import dask.dataframe as dd
    from dask.distributed import Client, LocalCluster

    path, counts = fewer_answers
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        elsewhere(dd.read_parquet(path, split_row_groups=True, columns=list(LABELS)), counts)


def test_spark_counts_its_own_rows(fewer_answers):
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed: uv sync --group spark")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("there is no Java on this machine")
    path, counts = fewer_answers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyspark warns of its own calls to pandas
        session = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
        try:
            elsewhere(session.read.parquet(str(path)), counts)
        finally:
            session.stop()


# --- then the fit -------------------------------------------------------------------------------
SPEC = Spec("growth", ANSWERS, ANSWERS[2:], (Level(("country",)), Level(("ally",)), Level(("wave",)), Gap()))


def survey_of(people):
    """Counts of the ordered logit with effects of country, ally, wave and population; the cells are the same."""
    rng = np.random.default_rng(0)
    labels = {factor: LABELS[factor] for factor in FACTORS}
    table = pd.MultiIndex.from_product(labels.values(), names=labels).to_frame(index=False)
    effects = {f: dict(zip(v, rng.normal(0, 0.4, len(v)), strict=True)) for f, v in labels.items() if f != "target"}
    location = sum(table[f].map(effect).to_numpy(float) for f, effect in effects.items())
    below = 1 / (1 + np.exp(location[:, None] - np.array([-1.0, 0.0, 1.0])))
    shares = np.diff(below, prepend=0, append=1)
    counts = np.round(people * shares / len(table)).astype(np.int64)
    parts = [table.assign(answer=k, count=counts[:, k], respondent="") for k in range(len(ANSWERS))]
    report = DataReport("made up", (ReportLine("used", people, "rows"),))
    return Survey(pd.concat(parts, ignore_index=True), ANSWERS, ANSWERS[2:], report)


@pytest.mark.alone
@pytest.mark.filterwarnings("ignore:sd_level_wave rests on 4 levels")  # it does, and that is not what is timed
@pytest.mark.filterwarnings("ignore:.* judge themselves as well")  # the same
def test_a_fit_of_a_billion_answers_takes_as_long_as_one_of_a_hundred_thousand():
    few, many = survey_of(10**5), survey_of(10**9)
    seconds = {10**5: [], 10**9: []}
    ac.fit(SPEC, few, random_seed=1)  # compiles
    for _ in range(3):
        for people, survey in ((10**5, few), (10**9, many)):
            start = time.process_time()
            fit = ac.fit(SPEC, survey, random_seed=1)
            seconds[people].append(time.process_time() - start)
            assert str(ac.diagnose(fit)).startswith("passed"), ac.diagnose(fit)
    ratio = min(seconds[10**9]) / min(seconds[10**5])
    print(f"fit of 10⁹ answers: {min(seconds[10**9]):.1f} s, {ratio:.2f} times that of 10⁵")
    assert ratio < 1.2
