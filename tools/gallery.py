"""Draw every public figure once, small, with what it is for and the code that made it.

    python tools/gallery.py             into docs/gallery (made when the documents are built, never committed)
    python tools/gallery.py FOLDER      elsewhere
    python tools/gallery.py --list      names and sentences

`entries()` gives name, title, sentence and code of each; `draw(folder)` runs the code and writes ``NAME.png`` and
``NAME_column.png`` (two columns and one) and ``NAME.txt`` (caption and alternative text).
"""

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "gallery"
DPI = 110
SETUP = """\
import alliancecred as ac

survey = ac.simulate("retrenchment_simulated").survey
fit = ac.fit("retrenchment_simulated", survey, random_seed=1)
spec = fit.spec
"""


@dataclass(frozen=True)
class Entry:
    """A figure: its file name, title, what it is for in one sentence, and code that ends with the call that draws it.

    ``{width}`` in the code stands for the width; `shown` leaves it out.
    """

    name: str
    title: str
    sentence: str
    code: str

    @property
    def shown(self) -> str:
        """The code as a reader types it."""
        return self.code.replace(", width={width}", "")


def entries() -> tuple[Entry, ...]:
    """Return every figure of the gallery, in the order of an analysis."""
    made = "from alliancecred.figures import example  # made-up estimates\n\n"
    return (
        Entry("shift", "First- and second-order effects", "Beliefs before and after a signal, and their change.",
              'effect = ac.shift(fit, by="country")\nac.plot_shift(effect, width={width})'),
        Entry("levels", "Levels by country and ally", "Who believes whom: every country asked about every ally.",
              'ac.plot_levels(ac.levels(fit, by=("country", "ally")), width={width})'),
        Entry("matrix", "Matrix of shifts", "Whose promises lost and whose gained, country by country.",
              'ac.plot_matrix(ac.shift(fit, by=("country", "ally")), width={width})'),
        Entry("gap", "Gap between elites and public", "Levels of both populations as dumbbells, with their difference.",
              'ac.plot_gap(ac.gap(fit, by="ally"), width={width})'),
        Entry("waves", "Trajectories over waves", "Levels over time with the dates of signals.",
              made + "ac.plot_waves(example.example_waves(), width={width})"),
        Entry("contrast", "Contrasts", "Posterior densities of any difference, Poland minus the others say.",
              'rows = ac.shift(fit, by="country").at(role="sender")\nothers = [c for c in spec.countries if c not in '
              '("PL", "US")]\nfrom alliancecred.estimate import stacked\n\nparts = [ac.contrast(rows.at(country="PL"), '
              "rows.at(country=c)) for c in others]\nac.plot_gap(stacked(parts), width={width})"),
        Entry("marginal_means", "Marginal means", "What people answer where an attribute of a vignette has each level.",
              made + 'ac.plot_marginal_means(example.example_estimate("marginal_means"), width={width})'),
        Entry("margins", "Conditional margins", "The same overall and given another attribute or group.",
              made + 'overall = example.example_estimate("marginal_means").at(where={"attribute": "regime"})\n'
              'given = example.example_estimate("marginal_means by stakes")\n'
              "ac.plot_margins(overall, given, width={width})"),
        Entry("amce", "Effects of attributes (AMCE)", "Each level of an attribute against its baseline.",
              made + 'ac.plot_amce(example.example_estimate("amce"), width={width})'),
        Entry("moderation", "Moderation", "How marginal means differ between groups.",
              made + 'ac.plot_moderation(example.example_estimate("moderation"), width={width})'),
        Entry("populations", "Raw, weighted, modelled, poststratified", "What weights and the model do to each share.",
              made + "ac.plot_populations(example.example_populations(), width={width})"),
        Entry("pooling", "Partial pooling", "Each cell by itself beside the model: small ones move most.",
              "elites = ac.pooling(fit).query(\"population == 'elite'\")\n"
              'ac.plot_pooling(elites, spec=spec, width={width})'),
        Entry("ppc", "Posterior predictive check", "What was observed in each cell, among its predictions.",
              "elites = ac.ppc(fit).query(\"population == 'elite'\")\n"
              'ac.plot_ppc(elites, spec=spec, width={width})'),
        Entry("prior_posterior", "Prior and posterior", "What the data did to an answer.",
              "prior = ac.before_data(fit)\nac.plot_prior_posterior(ac.shift(prior), ac.shift(fit), width={width})"),
        Entry("scales", "Prior and posterior of scales", "How far groups lie apart, in percentage points.",
              "ac.plot_prior_posterior(ac.scales(ac.before_data(fit)), ac.scales(fit), width={width})"),
        Entry("left_out", "Leave-one-out", "Which units move the posterior too far when they are left out.",
              "ac.plot_left_out(ac.loo(fit), spec=spec, width={width})"),
        Entry("sensitivity", "Sensitivity", "Whether the answer hangs on a choice.",
              made + "ac.plot_sensitivity(example.example_sensitivity(), spec=spec, width={width})"),
        Entry("balance", "Balance around an event", "Whether people asked before and after an event are alike.",
              made + "ac.plot_balance(example.example_balance(), spec=spec, width={width})"),
        Entry("attrition", "Attrition", "A shift in a panel against what those who left might believe.",
              made + "ac.plot_attrition(example.example_attrition(), width={width})"),
    )  # fmt: skip


def draw(folder: Path, names: tuple[str, ...] = ()) -> list[Path]:
    """Run the code of every entry (or of those named) in one and two columns; return the files."""
    sys.path.insert(0, str(ROOT / "src"))
    folder.mkdir(parents=True, exist_ok=True)
    known: dict[str, object] = {}
    exec(compile(SETUP, "setup", "exec"), known)
    written = []
    for entry in entries():
        if names and entry.name not in names:
            continue
        *before, last = entry.code.rsplit("\n", 1)
        exec(compile("\n".join(before), entry.name, "exec"), known)
        for width, suffix in (('"double"', ""), ('"column"', "_column")):
            figure = eval(last.replace("{width}", width), known)
            path = folder / f"{entry.name}{suffix}.png"
            figure.savefig(path, dpi=DPI, metadata={"Software": "alliancecred"})
            written.append(path)
        words = folder / f"{entry.name}.txt"
        words.write_text(f"{figure.caption}\n\n{figure.alt}\n", encoding="utf-8")
        written.append(words)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only", nargs="*", default=())
    given = parser.parse_args()
    if given.list:
        print("\n".join(f"{e.name}: {e.sentence}" for e in entries()))
        return
    for path in draw(given.folder, tuple(given.only)):
        print(path)


if __name__ == "__main__":
    main()
