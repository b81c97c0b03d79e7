"""The canonical problem against brms's posterior."""

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


pytestmark = pytest.mark.xdist_group("canonical")  # one fit serves both


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
