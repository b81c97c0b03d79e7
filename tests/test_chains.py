"""Chains kept one by one: what is there is not sampled again, what is torn is refused, an interrupt loses nothing."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from alliancecred.engines.chains import identity_of, kept_chains, seed_of_chain
from alliancecred.engines.reading import Raw, whole_part
from alliancecred.errors import IntegrityError, SpecError, StoreError
from alliancecred.sampling import Sampling

DRAWS, PARAMETERS = 30, 3
NAMES = [f"{i}" * 64 for i in range(4)]


def drawn(chain: int, draws: int = DRAWS) -> dict[str, xr.DataTree]:
    theta = np.random.default_rng(chain).normal(size=(1, draws, PARAMETERS))
    stats = {"diverging": (("chain", "draw"), np.arange(draws)[None] % 7 == 0), "text": ("chain", ["x"])}
    return {
        "posterior": xr.DataTree(xr.Dataset({"theta": (("chain", "draw", "parameter"), theta)})),
        "sample_stats": xr.DataTree(xr.Dataset(stats)),
    }


class Sampler:
    """A chain that ends after some looks at it, as nutpie's does."""

    def __init__(self, chain: int, looks: int, log: list):
        self.chain, self.looks, self.log = chain, looks, log
        log.append(("start", chain))

    @property
    def is_finished(self):
        self.looks -= 1
        if self.looks == -100:
            raise KeyboardInterrupt
        if self.looks > 0 or self.looks < -1:
            raise TimeoutError("still at work")
        self.log.append(("end", self.chain))
        return True

    def wait(self):
        return drawn(self.chain)

    def abort(self):
        self.log.append(("abort", self.chain))
        return drawn(self.chain, 17)


def keep(folder, looks=(2, 4, 1, 3), cores=2):
    log: list = []
    found = kept_chains(lambda i: Sampler(i, looks[i], log), folder, NAMES, DRAWS, PARAMETERS, cores)
    return *found, log


def test_every_chain_is_kept_and_none_is_sampled_twice(tmp_path):
    theta, stats, log = keep(tmp_path)
    assert theta.shape == (4, DRAWS, PARAMETERS)
    for i in range(4):
        np.testing.assert_array_equal(theta[i], drawn(i)["posterior"]["theta"].values[0])
    assert stats["diverging"].dtype == bool
    assert int(stats["diverging"].sum()) == 4 * 5
    assert sorted(os.listdir(tmp_path)) == [f"chain_{n[:24]}.nc" for n in NAMES]
    under_way = np.cumsum([{"start": 1, "end": -1}[what] for what, _ in log])
    assert under_way.max() == 2
    (tmp_path / f"chain_{NAMES[2][:24]}.nc").unlink()
    again, more, log = keep(tmp_path)
    assert log == [("start", 2), ("end", 2)]
    np.testing.assert_array_equal(again, theta)
    xr.testing.assert_identical(more, stats)


def test_an_interrupt_keeps_what_ended_and_gives_the_rest(tmp_path):
    theta, _, log = keep(tmp_path, looks=(1, -50, 1, 1))
    assert ("abort", 1) in log
    ended = {i for what, i in log if what == "end"}
    assert ended == {0, 2, 3}
    assert len(os.listdir(tmp_path)) == 3
    assert np.isfinite(theta[[0, 2, 3]]).all()
    assert np.isfinite(theta[1, :17]).all()
    assert np.isnan(theta[1, 17:]).all()


def test_a_chain_that_ended_too_early_is_not_kept(tmp_path, monkeypatch):
    broken = drawn(0)
    broken["posterior"]["theta"][0, 3, 1] = np.nan
    for short in (drawn(0, DRAWS - 1), broken):
        monkeypatch.setattr(Sampler, "wait", lambda self, short=short: short if self.chain == 0 else drawn(self.chain))
        theta, _, _ = keep(tmp_path)
        assert np.isnan(theta[0]).any()
        assert not (tmp_path / f"chain_{NAMES[0][:24]}.nc").exists()


def test_a_chain_that_changed_or_has_another_name_is_refused(tmp_path):
    keep(tmp_path)
    first, second = (tmp_path / f"chain_{n[:24]}.nc" for n in NAMES[:2])
    whole = first.read_bytes()
    first.write_bytes(second.read_bytes())
    with pytest.raises(IntegrityError, match="does not hold the chain it is named after → delete it"):
        keep(tmp_path)
    first.write_bytes(whole[:500] + b"\0" + whole[501:])
    with pytest.raises(IntegrityError, match="has changed"):
        keep(tmp_path)


def test_a_folder_that_cannot_hold_them_is_refused_before_sampling(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for folder, said in ((tmp_path / "file", "cannot write"), (tmp_path, "make room")):
        log: list = []
        with pytest.raises(StoreError, match=said):
            kept_chains(lambda i, log=log: Sampler(i, 1, log), folder, NAMES, 10**14, PARAMETERS, 2)
        assert log == []
    with pytest.raises(SpecError, match="keep is the path of a folder, got ''"):
        Sampling(keep="")


def test_a_chain_is_named_after_all_that_it_depends_on():
    options = {"seed": seed_of_chain(1, 0), "draws": 10}
    name = identity_of(np.arange(3.0), options)
    assert name == identity_of(np.arange(3.0), dict(reversed(options.items())))
    others = [(np.arange(4.0), options), (np.arange(3.0), options | {"draws": 11}), (np.arange(3.0) + 1e-12, options)]
    assert len({name, *(identity_of(*other) for other in others)}) == 4
    assert len({seed_of_chain(s, c) for s in range(20) for c in range(20)}) == 400


def raw(lead):
    """Draws of chains that broke off after so many, and one that broke in the middle."""
    coordinates = np.random.default_rng(0).normal(size=(len(lead), 40, 2))
    for i, n in enumerate(lead):
        coordinates[i, n:] = np.nan
    stats = xr.Dataset({"energy": (("chain", "draw"), coordinates[..., 0])}, coords={"chain": range(len(lead))})
    scales = {"sd": np.ones((len(lead), 40))}
    return Raw(coordinates, scales, {"cut_spacing": np.zeros((len(lead), 40, 1))}, stats, {"centred": []})


@pytest.mark.parametrize(
    ("lead", "chains", "length"),
    [((40, 12, 30), (0, 2), 30), ((40, 0, 15), (0,), 40), ((20, 20, 19), (0, 1, 2), 19), ((12, 40, 13), (1,), 40)],
)
def test_the_part_that_is_used_has_most_draws(lead, chains, length):
    given = raw(lead)
    part = whole_part(given)
    np.testing.assert_array_equal(part.coordinates, given.coordinates[list(chains), :length])
    assert part.scales["sd"].shape == (len(chains), length)
    assert part.cuts["cut_spacing"].shape == (len(chains), length, 1)
    np.testing.assert_array_equal(part.stats["energy"], part.coordinates[..., 0])
    assert part.stats["chain"].values.tolist() == list(range(len(chains)))
    assert np.isfinite(part.coordinates).all()


def test_nan_in_the_middle_ends_a_chain():
    given = raw((40, 40))
    given.scales["sd"][0, 25] = np.inf
    part = whole_part(given)
    assert part.coordinates.shape[:2] == (2, 25)


def test_of_few_draws_nothing_is_left():
    assert whole_part(raw((9, 3))) is None
    assert whole_part(raw((10, 3))).coordinates.shape[:2] == (1, 10)


def test_an_interrupt_while_gates_are_computed_gives_the_draws_unjudged(monkeypatch, tmp_path):
    import alliancecred as ac
    from alliancecred import assemble
    from alliancecred.fitting import fit_design
    from models import RICH, make

    really = assemble.diagnosis

    def interrupted(posterior, stats):
        if posterior.data_vars:
            raise KeyboardInterrupt
        return really(posterior, stats)

    design, cells = make(3, RICH)
    whole = fit_design(design, cells, random_seed=3, draws=25, method="laplace")
    monkeypatch.setattr(assemble, "diagnosis", interrupted)
    with pytest.raises(ac.IncompleteFitError, match="unjudged") as caught:
        fit_design(design, cells, random_seed=3, draws=25, method="laplace")
    partial = caught.value.partial
    assert partial.diagnosis.problems == ("partial: the gates were not computed",)
    assert "partial" in str(ac.load(ac.save(partial, tmp_path / "fit.nc")).diagnosis)
    np.testing.assert_array_equal(partial.posterior["intercept"], whole.posterior["intercept"])


def test_an_interrupted_sampler_gives_a_fit_of_what_there_is(monkeypatch):
    import alliancecred as ac
    from alliancecred.density import parameter_count
    from alliancecred.engines import nuts
    from alliancecred.fitting import fit_design
    from models import RICH, make

    def broke_off(swept, *rest, draws, chains, **options):
        theta = np.random.default_rng(0).normal(0, 0.1, size=(chains, draws, parameter_count(swept)))
        theta[0, 20:] = theta[1, 35:] = np.nan
        coords = {"chain": np.arange(chains), "draw": np.arange(draws)}
        stats = {"diverging": (("chain", "draw"), np.zeros((chains, draws), dtype=bool))}
        return theta, xr.Dataset(stats, coords=coords), 1.0

    monkeypatch.setattr(nuts, "_by_nutpie", broke_off)
    monkeypatch.setattr(nuts, "_rough", lambda *a: {})
    monkeypatch.setattr(nuts, "choose_centring", lambda s, *a: [[False] * len(x.carriers) for x in s.strata])
    monkeypatch.setattr(nuts, "make_metric", lambda *a: SimpleNamespace())
    design, cells = make(3, RICH)
    with pytest.raises(ac.IncompleteFitError, match=r"^55 of 80 draws .* → they stand in `.partial`") as caught:
        fit_design(design, cells, random_seed=1, draws=40, chains=2, method="nuts")
    partial = caught.value.partial
    assert dict(partial.posterior.sizes)["draw"] == 20
    assert partial.diagnosis.problems[0] == "partial: 40 of 80 draws"
    assert partial.idata.attrs["status"].startswith("failed: partial: 40 of 80 draws")
