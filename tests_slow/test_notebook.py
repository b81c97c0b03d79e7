"""Values in a notebook: each shows itself as HTML, and the progress of the sampler leaves nothing unreadable."""

import re

import pytest

CELLS = (
    "import alliancecred as ac\nmade = ac.simulate('retrenchment_simulated')\nmade",
    "made.survey",
    "from alliancecred.spec_file import as_spec\nspec = as_spec('retrenchment_simulated')\nspec",
    "fit = ac.fit(spec, made.survey, random_seed=1, method='nuts', draws=500)\nfit",
    "fit.cells",
    "effect = ac.shift(fit)\neffect",
    "ac.table(effect)",
)
SAID = (
    "true value of",
    "Survey of 60,780 answers",
    "half-normal (sd 0.5)",
    "largest R-hat",
    "84 cells",
    "percentage points",
    "First-order effect",
)


pytestmark = pytest.mark.xdist_group("notebook")  # it runs once


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    place = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.parametrize("i", range(len(CELLS)))
def test_every_value_shows_itself(outputs, i):
    shown = [o["data"] for o in outputs[i] if o["output_type"] == "execute_result"]
    assert len(shown) == 1
    assert SAID[i] in shown[0]["text/html"]
    assert len(shown[0]["text/plain"]) < 20_000


def test_the_sampler_leaves_nothing_that_cannot_be_read(outputs):
    streams = "".join(o.get("text", "") for out in outputs for o in out if o["output_type"] == "stream")
    assert not re.search(r"\x1b|\r|[█━▏▎▍]", streams), streams[:500]
    assert len(streams.splitlines()) < 20, streams
