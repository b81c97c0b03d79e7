"""Set for every test: no window opens, and what Hypothesis tries is the same in each run."""

import os

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")

# No deadline: the first example pays for imports and compilation.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")

# Where the kernel is not compiled yet, one process does it, and loads PyMC, while others run the other tests.
KERNEL = (
    "calibration",
    "condense",
    "cuts",
    "declared",
    "design_effect",
    "experiments",
    "gaussian",
    "kernel",
    "means",
    "nuts",
    "priors",
    "respondents",
    "simulation",
    "sliders",
)


def pytest_collection_modifyitems(items):
    """Keep the tests of a file in one process (their fixtures are made once), and those of the kernel together."""
    for item in items:
        name = item.path.stem.removeprefix("test_")
        item.add_marker(pytest.mark.xdist_group("kernel" if name in KERNEL else name))
