"""A fit that would not fit into memory is refused before it begins, with the estimate."""

import numpy as np
import pytest

import alliancecred as ac
from alliancecred.engines import laplace, memory, nuts
from alliancecred.fitting import fit_design
from models import make


@pytest.mark.bad(48)
@pytest.mark.parametrize("method", ["laplace", "nuts"])
def test_a_fit_that_is_too_large_is_refused_with_the_estimate(monkeypatch, method):
    monkeypatch.setattr(memory, "free_memory", lambda: 10**5)
    design, cells = make()
    with pytest.raises(
        ac.FitError, match=r"would need about .* of memory and 0 MB is free \(.*draws .*\) → ask for fewer"
    ):
        fit_design(design, cells, random_seed=1, method=method)


def test_room_is_what_the_container_has_left(tmp_path, monkeypatch):
    limit, used, parts = tmp_path / "limit", tmp_path / "used", tmp_path / "parts"
    limit.write_text("5000000\n")
    used.write_text("2000000\n")
    parts.write_text("anon 900000\ninactive_file 0\nactive_file 7\n")
    for name, file in (("_LIMITS", limit), ("_USED", used), ("_PARTS", parts)):
        monkeypatch.setattr(memory, name, (str(file),))
    monkeypatch.setattr(memory, "_CACHE", ("inactive_file",))
    assert memory.free_memory() == 3_000_000
    parts.write_text("anon 900000\ninactive_file 400000\nactive_file 7\n")
    assert memory.free_memory() == 3_400_000  # files that were only read make room
    used.write_text("6000000\n")
    assert memory.free_memory() == 0
    limit.write_text("max\n")
    assert memory.free_memory() == memory.psutil.virtual_memory().available


def test_room_is_what_a_limit_of_the_process_leaves(monkeypatch):
    resource = pytest.importorskip("resource")
    used = memory.psutil.Process().memory_info().vms
    monkeypatch.setattr(
        resource, "getrlimit", lambda which: (used + 10**6, -1) if which == resource.RLIMIT_AS else None
    )
    assert memory.free_memory() <= 2 * 10**6


def test_the_estimate_grows_with_draws_and_latents(monkeypatch):
    asked = []
    monkeypatch.setattr(laplace, "demand", asked.append)
    monkeypatch.setattr(nuts, "demand", asked.append)
    design, cells = make()
    monkeypatch.setattr(laplace, "_first", None)  # stops each fit after its estimate
    monkeypatch.setattr(nuts, "data_arrays", None)
    for method in ("laplace", "nuts"):
        for draws in (100, 1000):
            with pytest.raises(TypeError, match="not callable"):
                fit_design(design, cells, random_seed=1, method=method, draws=draws)
    few, many, few_nuts, many_nuts = (sum(a.values()) for a in asked)
    assert many - few == pytest.approx(900 * 4 * (2 * laplace.MOST + 4) * latents(design))
    assert many_nuts - few_nuts > 900 * 4 * 4 * latents(design)


def latents(design) -> int:
    return len(design.coefficients) + sum(int(np.prod(design.shape(b))) for b in design.pooled)
