"""The canonical problem against brms's posterior, and the README's code in a script and in a notebook."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import alliancecred as ac

ROOT = Path(__file__).parents[1]
CELLS = ROOT.parent / "shared" / "bench" / "canonical_cells.csv"
sys.path.insert(0, str(ROOT / "benchmarks"))

# brms 2.18, 4,000 draws: mean and sd of the coefficients of the same model
BRMS = {
    "intercept": (0.314, 0.199),
    "post": (0.195, 0.078),
    "us": (0.528, 0.212),
    "elite": (0.106, 0.084),
    "post:us": (-1.232, 0.167),
    "us:elite": (-0.454, 0.228),
}


@pytest.fixture(scope="module")
def canonical():
    if not CELLS.exists():
        pytest.skip("the canonical cells are not there (../shared/bench)")
    from ours import canonical_spec, canonical_survey

    return ac.fit(canonical_spec(), canonical_survey(CELLS), random_seed=11, method="nuts", progressbar=False)


def test_canonical_posterior_is_that_of_brms(canonical):
    post = canonical.posterior
    shift = post["shift_post"]
    sender, other = shift.sel(shift_post_role="sender"), shift.sel(shift_post_role="other")
    got = {
        "intercept": post.intercept,
        "post": other,
        "us": post.fixed_us,
        "elite": post.gap_elite,
        "post:us": sender - other,
        "us:elite": post.fixed_us_elite,
    }
    for name, (mean, sd) in BRMS.items():
        assert abs(float(got[name].mean()) - mean) < 0.15 * sd, name
        assert float(got[name].std()) == pytest.approx(sd, rel=0.15), name


def test_canonical_sampling_passes_with_room(canonical):
    table = canonical.diagnosis.table
    assert canonical.diagnosis.passed
    assert canonical.diagnosis.divergences == 0
    assert table.ess_bulk.min() >= 1000
    assert table.variable.str.startswith("corr_").sum() == 3


def readme_code() -> str:
    return re.search(r"## Six lines\n\n```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S).group(1)


def test_readme_code_runs_as_a_script(tmp_path):
    code = readme_code()
    assert len([line for line in code.splitlines() if line.strip()]) == 6
    script = tmp_path / "six.py"
    script.write_text(code + "figure.savefig('shift.png')\n")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "first-order" in done.stdout.lower()
    assert (tmp_path / "shift.png").stat().st_size > 10_000


def test_readme_code_runs_in_a_notebook(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(readme_code() + "figure")])
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place).execute()
    kinds = {k for out in notebook.cells[0].outputs for k in out.get("data", {})}
    assert "image/png" in kinds, kinds
