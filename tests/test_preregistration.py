"""A locked analysis is what was locked, and every change after it is listed."""

import json
from dataclasses import replace

import numpy as np
import pytest

import alliancecred as ac
from alliancecred.cli import main
from alliancecred.errors import IntegrityError, StoreError, VersionError
from alliancecred.priors import HalfNormal, Normal
from alliancecred.spec_file import shipped_models, spec_to_toml
from alliancecred.terms import Level, Shift


@pytest.mark.parametrize("name", shipped_models())
def test_a_lock_holds_the_whole_analysis(name, tmp_path):
    locked = ac.lock(name, tmp_path / "plan.json")
    assert ac.read_lock(tmp_path / "plan.json") == locked
    assert locked.digest == ac.read_spec(models_file(name)).digest
    assert ac.deviations(locked, name).empty


def models_file(name):
    from alliancecred.spec_file import models_dir

    return models_dir() / f"{name}.toml"


def test_a_lock_is_never_replaced(tmp_path):
    ac.lock("retrenchment_simulated", tmp_path / "plan.json")
    before = (tmp_path / "plan.json").read_bytes()
    with pytest.raises(StoreError, match="never replaced"):
        ac.lock("microcode_2025", tmp_path / "plan.json")
    assert (tmp_path / "plan.json").read_bytes() == before


def test_a_changed_lock_is_refused(tmp_path):
    path = tmp_path / "plan.json"
    ac.lock("retrenchment_simulated", path)
    record = json.loads(path.read_text())
    record["analysis"]["terms"][0]["by"] = ["ally"]
    path.write_text(json.dumps(record))
    with pytest.raises(IntegrityError, match="changed after it was locked"):
        ac.read_lock(path)


@pytest.mark.parametrize("seed", range(40))
def test_no_flipped_byte_passes_for_the_lock(seed, tmp_path):
    path = tmp_path / "plan.json"
    locked = ac.lock("retrenchment_simulated", path)
    rng = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    path.write_bytes(data)
    try:
        found = ac.read_lock(path)
    except StoreError:
        return
    assert found.spec == locked.spec  # white space, or the day


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", IntegrityError),
        ("[]", IntegrityError),
        ("[" * 100_000, IntegrityError),
        ('{"format": 1}', IntegrityError),
        ('{"format": 99, "sha256": "", "date": "", "analysis": {}}', VersionError),
        ('{"format": "1", "sha256": "", "date": "", "analysis": {}}', VersionError),
        ('{"format": 1, "sha256": "", "date": "", "analysis": []}', IntegrityError),
        ('{"format": 1, "sha256": "", "date": "", "analysis": {"name": NaN}}', IntegrityError),
    ],
)
def test_what_is_no_lock_is_refused(content, error, tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(content)
    with pytest.raises(error):
        ac.read_lock(path)
    with pytest.raises(StoreError, match="cannot read"):
        ac.read_lock(tmp_path / "not there.json")


SPEC = ac.Spec(
    "plan", ("no", "yes"), ("yes",), (Level(("country",)), Level(("ally",))), countries=("PL", "DE"), title="A plan",
    names=(("PL", "Poland"),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"title": "B"}, [("title", "A plan", "B", "words")]),
        ({"names": (("PL", "Polska"),)}, [("names.PL", "Poland", "Polska", "words")]),
        ({"top": ("no",)}, [("top", "yes", "no", "analysis")]),
        ({"intercept": Normal(0.0, 3.0)}, [("intercept.sd", "1.5", "3.0", "analysis")]),
        ({"countries": ("PL",)}, [("countries", "PL, DE", "PL", "analysis")]),
        (
            {"terms": (Level(("ally",)), Level(("country",)))},
            [("terms: order", "level by country, level by ally", "level by ally, level by country", "analysis")],
        ),
        (
            {"terms": (Level(("country",), HalfNormal(1.0)), Level(("country", "ally")))},
            [
                ("terms.level by country.scale.sd", "0.5", "1.0", "analysis"),
                ("terms.level by ally", "level by ally (by ally)", "–", "analysis"),
                ("terms.level by country and ally", "–", "level by country and ally (by country, ally)", "analysis"),
            ],
        ),
        (
            {"estimands": (ac.Estimand("levels", by=("country",)),)},
            [("estimands.levels by country", "–", "levels by country (of levels, by country)", "analysis")],
        ),
    ],
)
def test_every_change_is_listed(changes, wanted):
    found = ac.deviations(SPEC, replace(SPEC, **changes))
    assert [tuple(row) for row in found.itertuples(index=False)] == wanted


def test_no_change_of_a_digest_goes_unlisted():
    """Whatever a spec declares, another digest means a line."""
    for name in shipped_models():
        spec = ac.read_spec(models_file(name))
        for i, term in enumerate(spec.terms):
            field = next((f for f in ("spacing", "prior", "scale", "sd") if hasattr(term, f)), None)
            value = getattr(term, field)
            wider = 2 * value if field == "sd" else Normal(0.1, 0.7) if field == "prior" else replace(value, sd=9.0)
            other = replace(spec, terms=(*spec.terms[:i], replace(term, **{field: wider}), *spec.terms[i + 1 :]))
            assert other.digest != spec.digest
            assert spec_to_toml(other) != spec_to_toml(spec)
            found = ac.deviations(spec, other)
            assert set(found["what"]) == {"analysis"}, name
            assert found["where"].str.startswith("terms.").all()


def test_terms_of_one_name_are_told_apart():
    a = replace(SPEC, terms=(Shift("x"), Shift("x", by=("country",))))
    b = replace(SPEC, terms=(Shift("x"), Shift("x", by=("country",), together=True)))
    from alliancecred.preregistration import _changes

    assert list(_changes(a, b, "")) == [("terms.shift x by country.together", "False", "True")]


# --- on the command line --------------------------------------------------------------------------
def test_the_command_line_locks_and_compares(tmp_path, capsys):
    plan = tmp_path / "plan.json"
    assert main(["lock", "retrenchment_simulated", "--out", str(plan)]) == 0
    digest = ac.read_spec(models_file("retrenchment_simulated")).digest
    assert digest in capsys.readouterr().out
    assert main(["lock", "retrenchment_simulated", "--out", str(plan)]) == 1
    assert main(["check", "retrenchment_simulated", "--locked", str(plan)]) == 0
    assert "as it was locked" in capsys.readouterr().out
    spec = ac.read_spec(models_file("retrenchment_simulated"))
    other = tmp_path / "other.toml"
    other.write_text(spec_to_toml(replace(spec, intercept=Normal(0.0, 3.0))))
    assert main(["check", str(other), "--locked", str(plan)]) == 0
    assert "intercept.sd: locked 1.5, used 3.0" in capsys.readouterr().out
