"""Cells that no parameter can tell apart, added up: fewer rows, the same likelihood."""

import numpy as np
import pytest
from test_kernel import everything

from alliancecred import fitting
from alliancecred.density import data_arrays, parameter_count, structure
from alliancecred.engines import laplace
from alliancecred.engines.condense import condense
from alliancecred.kernel import log_density
from alliancecred.sweep import sweep
from alliancecred.terms import Gap, Level, Shift
from models import MERGED, make


def labels(cells):
    return [tuple(row) for row in cells.labels().iloc[: len(cells.counts)].itertuples(index=False)]


def test_waves_that_no_term_knows_are_added_up():
    design, cells = make(3, MERGED, "merged")
    small, _ = condense(design, cells)
    frame = cells.labels()
    frame["after"] = cells.rows.on["act"]
    keys = ["country", "ally", "population", "after"]
    want = frame.iloc[: len(cells.counts)].assign(row=range(len(cells.counts))).groupby(keys, sort=False).row
    assert len(small.counts) == want.ngroups < len(cells.counts)
    np.testing.assert_array_equal(small.counts, [cells.counts[rows].sum(0) for _, rows in want])
    assert labels(small) == [labels(cells)[rows.iloc[0]] for _, rows in want]


def test_a_term_by_wave_keeps_its_waves_apart():
    design, cells = make(3, (Level(("country",)), Level(("wave",)), Shift("act"), Gap()))
    small, _ = condense(design, cells)
    assert len(small.counts) < len(cells.counts)
    keys = ["country", "wave", "population"]
    for k in range(3):
        sums = [c.labels().iloc[: len(c.counts)].assign(n=c.counts[:, k]).groupby(keys).n.sum() for c in (cells, small)]
        assert sums[0].equals(sums[1])


@pytest.mark.parametrize("share", [1.0, 0.7])
def test_the_likelihood_stays(share):
    design, cells = everything(3, MERGED, "merged")
    rng = np.random.default_rng(2)
    mask = (rng.uniform(size=len(cells.rows)) < share).astype(float)
    small, held = condense(design, cells, mask)
    assert len(small.rows) < len(cells.rows)
    assert len(small.toplines) == len(cells.toplines)
    n = len(cells.counts)
    np.testing.assert_array_equal(
        (small.counts * held[: len(small.counts), None]).sum(0), (cells.counts * mask[:n, None]).sum(0)
    )
    swept = sweep(design, cells.rows)
    flags = [[True] * len(s.carriers) for s in swept.strata]
    points = rng.normal(0, 0.4, (6, parameter_count(swept)))
    whole, less = (
        np.array([log_density(p, structure(swept, c, flags), data_arrays(c, m))[0] for p in points])
        for c, m in ((cells, mask), (small, held))
    )
    np.testing.assert_allclose(less, whole, rtol=1e-12)


def test_nothing_to_add_up_changes_nothing():
    design, cells = make(2, (Level(("country", "ally", "wave")), Level(("ally", "population"))))
    assert condense(design, cells)[0] is cells


def test_the_log_marginal_likelihood_is_that_of_the_cells_as_given(monkeypatch):
    design, cells = make(2, (*MERGED[:4], Shift("act")), "merged")
    mask = np.ones(len(cells.rows))
    mask[3] = 0
    got = fitting.fit_design(design, cells, random_seed=1, method="laplace", mask=mask)
    monkeypatch.setattr(laplace, "condense", lambda design, cells, mask: (cells, mask))
    want = fitting.fit_design(design, cells, random_seed=1, method="laplace", mask=mask)
    name = "log_marginal_likelihood"
    assert got.idata.attrs[name] == pytest.approx(want.idata.attrs[name], abs=0.1)
