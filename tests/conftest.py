"""Set for every test: no window opens, Hypothesis tries the same in each run, bad inputs are listed at the end."""

import os
import textwrap

import pytest
from bad_inputs import LIST
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")

# No deadline: the first example pays for imports and compilation.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")

# Where the kernel is not compiled yet, one process does it, and loads PyMC, while others run the other tests.
KERNEL = (
    "bad_inputs",
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
BAD = "bad inputs"  # a property of a test's report, which is how a number gets from a worker to the summary
shown: dict[int, bool] = {}


def pytest_collection_modifyitems(items):
    """Keep the tests of a file in one process (their fixtures are made once), and those of the kernel together."""
    for item in items:
        name = item.path.stem.removeprefix("test_")
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group("kernel" if name in KERNEL else name))
        if numbers := {n for mark in item.iter_markers("bad") for n in mark.args}:
            item.user_properties.append((BAD, sorted(numbers)))


def pytest_runtest_logreport(report):
    """Keep which bad inputs were met as expected: in every test of theirs that was not skipped."""
    if report.failed or (report.when == "call" and report.passed):
        for number in dict(report.user_properties).get(BAD, ()):
            shown[number] = shown.get(number, True) and report.passed


def pytest_terminal_summary(terminalreporter):
    """List the bad inputs, if any were tried."""
    if shown:
        for line in bad_input_lines(shown):
            terminalreporter.write_line(line)


def bad_input_lines(shown):
    """The summary of bad inputs: number → whether each of its tests passed."""
    good = sorted(n for n, passed in shown.items() if passed)
    lists = {
        f"bad inputs: {len(good)} of {len(LIST)} refused or warned about as expected:": map(str, good),
        "bad inputs that failed:": [f"{n} ({LIST[n]})" for n, passed in sorted(shown.items()) if not passed],
        "bad inputs that were not tried:": [str(n) for n in LIST if n not in shown],
    }
    for head, found in lists.items():
        if words := " ".join(found):
            yield from textwrap.wrap(f"{head} {words}", 100, subsequent_indent="    ")
