"""What the command line understands: its commands, their options, and help with examples."""

import argparse
from collections.abc import Callable

from . import __version__, options

_TOP = """\
A first hour:
  alliancecred models                        what there is
  alliancecred check microcode_2025          what would be fitted
  alliancecred run microcode_2025 --out out  fit, tables, figures, report
  alliancecred simulate retrenchment_simulated --out sim
                                             a survey whose truth is known
  alliancecred run sim/spec.toml --out found

Every command has its own help: alliancecred run --help
With --json a command prints one JSON object and nothing else on standard
output; an error is {"error": {"class": …, "problems": […], "exit_code": …}}.
"""


def parser() -> options.Parser:
    """Return the parser of the command line."""
    top = options.Parser(
        "alliancecred",
        formatter_class=options.wide,
        epilog=f"{_TOP}\n{options.CODES}",
        description="Bayesian multilevel models of how credible people believe alliance promises\nto be.",
    )
    top.add_argument("--version", action="version", version=f"alliancecred {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=options.Parser, title="commands")
    add = _adder(commands)
    _models(add)
    _data(add)
    _check(add)
    _lock(add)
    _run(add)
    _report(add)
    _simulate(add)
    _power(add)
    _completion(add)
    return top


Add = Callable[[str, str, str, str, str], options.Parser]


def _adder(commands: "argparse._SubParsersAction[options.Parser]") -> Add:
    def add(name: str, words: str, description: str, examples: str, keys: str) -> options.Parser:
        shown = "\n".join(
            f"  alliancecred {line}" if not line.startswith(" ") else line for line in examples.splitlines()
        )
        made = commands.add_parser(
            name,
            help=words,
            formatter_class=options.wide,
            description=description,
            epilog=f"examples:\n{shown}\n\nkeys of --json:\n{_indented(keys)}\n\n{options.CODES}",
        )
        made.add_argument("--json", action="store_true", help="print one JSON object on standard output")
        made.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
        return made

    return add


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _models(add: Add) -> None:
    add(
        "models",
        "list the analyses that come with the package",
        "List the analyses that come with the package: name, question, where the data\n"
        "come from, seconds from data to posterior as measured once, and whether tests\n"
        "against published numbers (or the known truth) passed.",
        "models\nmodels --json | python -m json.tool",
        "models: name, title, question, data (simulated, shipped, needs a file),\n"
        "files, seconds, engine, reproduced (true, false, null: not tested)",
    )


def _data(add: Add) -> None:
    one = add(
        "data",
        "say which files an analysis needs, and what is in them",
        "Say which data files an analysis needs, where they are looked for, which are\n"
        "found, their SHA-256, where to get them, and, if all are there, how many rows\n"
        "were read and which were left out, and why.",
        "data microcode_2025\ndata tomz_weeks_2021 --data ~/Downloads",
        "name, simulated, references, about (head of the file),\n"
        "files: path, looked, found, problem, bytes, sha256;\n"
        "reports: source, lines: action, count, what; warnings",
    )
    options.model(one)


def _check(add: Add) -> None:
    one = add(
        "check",
        "read and validate an analysis without sampling",
        "Read an analysis and its data, validate both, and print what would be fitted.\nNothing is sampled or written.",
        "check microcode_2025\ncheck my_analysis.toml --data surveys --locked plan.json",
        "name, sha256, cells, answers, published, notes, deviations, warnings, text",
    )
    options.model(one)
    options.locked(one)


def _lock(add: Add) -> None:
    one = add(
        "lock",
        "write an analysis down before its data are seen",
        "Write an analysis with its SHA-256, without data, into FILE: a plan to deposit\n"
        "before the data are seen. `run --locked FILE` lists in the report what was done\n"
        "differently.",
        "lock my_analysis.toml --out plan.json",
        "name, file, date, sha256",
    )
    one.add_argument("model", metavar="MODEL", help=options.MODEL)
    one.add_argument("--out", required=True, metavar="FILE", help="the lock (JSON); must not be there yet")


def _run(add: Add) -> None:
    one = add(
        "run",
        "fit an analysis and write tables, figures and a report",
        "Read the data an analysis declares, fit it, check it, and write into DIR:\n"
        "report.html, summary.csv, ppc.csv, leave_one_out.csv, prior.csv, reliance.csv,\n"
        "few_groups.csv, draws.nc, spec.toml, lock.json, figures/ (PDF, PNG, SVG, CSV,\n"
        "captions), tables/ (HTML, LaTeX, Word, Markdown) and, if no cell or pattern of\n"
        "answers is too small to be shown, saved/ (from which `report` makes the page\n"
        "again). Files of an earlier run of the same analysis are replaced, or removed if\n"
        "they are not made again and nobody has changed them; nothing else in DIR is\n"
        "touched, and results of another analysis are not written over.",
        "run microcode_2025 --out out/microcode_2025\n"
        "run my_analysis.toml --out results --seed 7 --data surveys\n"
        "run panel_simulated --out panel --method nuts --keep panel_chains",
        "name, out, report, passed, status, engine, seconds, files, warnings",
    )
    options.model(one)
    options.out(one)
    options.seed(one, 1)
    one.add_argument(
        "--draws", type=options.positive, default=1000, metavar="N", help="kept draws per chain (default 1000)"
    )
    one.add_argument("--chains", type=options.positive, default=4, metavar="N", help="chains (default 4)")
    options.method(one)
    options.least(one)
    options.locked(one)
    one.add_argument("--strict", action="store_true", help="where a gate fails write nothing, and exit with 1")
    one.add_argument(
        "--keep",
        metavar="DIR",
        help="keep each finished chain of the no-U-turn sampler in DIR; the same command goes on there after a kill",
    )
    one.add_argument(
        "--fit",
        metavar="FILE",
        help="also save the fit, with the counts of all cells, small ones too: for yourself, not for others",
    )
    options.quiet(one)


def _report(add: Add) -> None:
    one = add(
        "report",
        "make the report of a run again, without fitting",
        "Make report, tables and figures again from what a run saved, or from the file\n"
        "of a fit (ac.save, run --fit). Nothing is fitted; of a file of a fit, what takes\n"
        "fits of its own (leaving out cells, variants) is missing and the page says so.",
        "report out/microcode_2025\nreport fit.nc --out page --least-cell 10",
        "name, out, report, passed, status, engine, seconds, files, warnings",
    )
    one.add_argument("saved", metavar="DIR_OR_FIT", help="the folder of a run, or the file of a fit (.nc)")
    one.add_argument("--out", metavar="DIR", help="output folder; default: the folder of the run")
    one.add_argument("--data", metavar="FOLDER", help="where the table of people to poststratify to lies")
    options.least(one)
    options.locked(one)
    options.quiet(one)


def _simulate(add: Add) -> None:
    one = add(
        "simulate",
        "write a survey whose truth is known",
        "Simulate the survey an analysis declares, and write into DIR: survey.csv (the\n"
        "answers), truth.csv (every declared estimand), parameters.csv (every parameter)\n"
        "and spec.toml, the same analysis with survey.csv as its source.",
        "simulate retrenchment_simulated --out sim\nsimulate my_plan.toml --out sim7 --seed 7\n"
        "run sim/spec.toml --out found",
        "name, out, seed, rows, files",
    )
    one.add_argument("model", metavar="MODEL", help=options.MODEL)
    options.out(one)
    options.seed(one, None)


def _power(add: Add) -> None:
    one = add(
        "power",
        "how probable it is that a planned survey shows an effect",
        "Simulate surveys of every planned size with truths from the priors, fit each,\n"
        "and say how often the rule holds: assurance (over all truths), power (over\n"
        "truths that meet the rule) and the share of claims with the wrong sign, each\n"
        "with its Monte Carlo error. The rule: P(effect beyond SMALLEST in the DIRECTION)\n"
        "is at least PROB.",
        "power retrenchment_simulated --respondents 200 500 --smallest 5\n"
        "power retrenchment_simulated --effect gap --ally US \\\n"
        "      --direction above --elites 50 100 --simulations 400 --keep power",
        "name, rule, simulations, plans: respondents, n_elites, n_waves, simulations,\n"
        "failed, assurance, assurance_error, lower, upper, met, power, power_error,\n"
        "power_lower, power_upper, wrong_sign; warnings",
    )
    one.add_argument("model", metavar="MODEL", help=options.MODEL)
    for name, words in (
        ("respondents", "people per fielding of the first population (default: as declared)"),
        ("elites", "people per fielding of any other population"),
        ("waves", "the first so many waves"),
    ):
        one.add_argument(f"--{name}", type=options.positive, nargs="+", metavar="N", help=words)
    one.add_argument("--simulations", type=options.positive, default=200, metavar="N", help="per plan (default 200)")
    rule = one.add_argument_group("the rule")
    rule.add_argument("--effect", choices=("shift", "gap"), default="shift", help="what is asked (default shift)")
    rule.add_argument("--role", choices=("sender", "other", "self"), help="of whom (shift: default sender)")
    rule.add_argument("--country", default="", metavar="C", help="in one country (default: all)")
    rule.add_argument("--ally", default="", metavar="A", help="about one ally (default: all)")
    rule.add_argument("--signal", metavar="S", help="after this signal, if there are several")
    rule.add_argument(
        "--direction", choices=("below", "above"), default="below", help="below or above zero (default below)"
    )
    rule.add_argument("--smallest", type=options.size, default=0.0, metavar="X", help="percentage points (default 0)")
    rule.add_argument("--prob", type=options.share, default=0.95, metavar="P", help="its probability (default 0.95)")
    one.add_argument(
        "--draws", type=options.positive, default=1000, metavar="N", help="kept draws per chain (default 1000)"
    )
    options.method(one)
    one.add_argument("--jobs", type=options.positive, metavar="N", help="processes (default: one per core)")
    one.add_argument("--keep", metavar="DIR", help="keep each finished simulation; the same command goes on there")
    options.seed(one, 0)
    options.quiet(one)


def _completion(add: Add) -> None:
    one = add(
        "completion",
        "print a completion script for a shell",
        "Print a script that lets a shell complete commands and options.",
        "completion bash > \\\n      ~/.local/share/bash-completion/completions/alliancecred\n"
        "completion zsh > ~/.zsh/_alliancecred      (a folder of $fpath)\n"
        "completion fish > ~/.config/fish/completions/alliancecred.fish",
        "shell, script",
    )
    one.add_argument("shell", choices=("bash", "zsh", "fish", "tcsh"), help="the shell")
