"""Answers at the door: declared in order, matched to what a column holds, never put in order by us."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from .errors import Problem
from .labels import Coded, look_alikes, look_key, shown
from .sliders import Slider
from .sources import ReportLine

_DONT_KNOW = re.compile(
    r"do(es)?(n.?t| not) know|\bdk\b|^\W*refus(al|ed)\b|^no (answer|opinion|response)|not (sure|asked|stated)|^unsure"
    r"|can.?t (say|choose)|^skipped|prefer not|^declined|^missing|^not applicable|^n/?a$|^[\s.?*-]+$",
    re.IGNORECASE,
)
_MISSING_CODE = re.compile(r"-\d+\Z|(9|99|999|9999|8|98|998|9998|7|97|997|88|888|77|777)\Z")
_CODE_IN_SCALE = re.compile(r"-?(99|999|9999|98|998|9998|97|997|88|888|77|777)\Z")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")
MOST_CODES = 20  # distinct numbers; more are hardly codes of answers
_WHOLE = re.compile(r"[+-]?\d+(\.\d+)?\Z")


def declared_problems(answers: Sequence[str], top: Sequence[str], missing: Sequence[str] = ()) -> Iterator[Problem]:
    """Yield what is wrong with declared answers, whatever the data.

    Examples
    --------
    >>> [str(p) for p in declared_problems(("no", "yes"), ("maybe",))]
    ["top: ['maybe'] not among the answers → answers: 'no', 'yes'", 'top: must name some, not all, of the answers']
    """
    bad = False
    for name, values in (("answers", answers), ("top", top), ("missing", missing)):
        if not isinstance(values, list | tuple) or not all(isinstance(v, str) for v in values):
            remedy = 'an ordered tuple, with codes as text: ("1", "2")'
            yield Problem("outcome", name, f"a tuple of text is needed, got {values!r}", (), remedy)
            bad = True
    if bad:
        return
    if len(answers) < 2:
        yield Problem("outcome", "answers", f"at least two answers are needed, in order, got {len(answers)}")
    for name, values in (("answers", answers), ("top", top)):
        if len(set(values)) < len(values):
            yield Problem("outcome", name, f"repeated: {shown(sorted({v for v in values if values.count(v) > 1}))}")
        if any(not v.strip() for v in values):
            yield Problem("outcome", name, "an empty label")
    for group in look_alikes([*answers, *missing]):
        yield Problem("level", "answers", f"labels look the same: {', '.join(map(ascii, group))}")
    if both := [a for a in answers if a in missing]:
        yield Problem("outcome", "missing", f"{both} declared as answers too")
    if unknown := [t for t in top if t not in answers]:
        yield Problem("outcome", "top", f"{unknown} not among the answers", (), f"answers: {shown(answers, 20)}")
    if not [a for a in answers if a in top] or set(answers) <= set(top):
        yield Problem("outcome", "top", "must name some, not all, of the answers")


def code_problems(numeric_codes: Mapping[int | float, str], known: Sequence[str]) -> Iterator[Problem]:
    """Yield what is wrong with ``numeric_codes``."""
    for code, label in numeric_codes.items():
        if not isinstance(code, int | float | np.number) or code != code:
            yield Problem("outcome", "numeric_codes", f"the key {code!r} is not a number", (), "{1: 'no', 2: 'yes'}")
        elif label not in known:
            remedy = f"declared: {shown(known, 20)}"
            yield Problem("outcome", "numeric_codes", f"{code!r} means {label!r}, which is not declared", (), remedy)


def translate(coded: Coded, numeric_codes: Mapping[int | float, str]) -> Coded:
    """Return the column with its numeric codes replaced by their declared labels.

    Examples
    --------
    >>> translate(Coded("q", np.array([0, 1]), ("1", "0")), {0: "no", 1: "yes"}).labels
    ('yes', 'no')
    """
    numbers = (int, float, np.number)
    meaning = {float(code): label for code, label in numeric_codes.items() if isinstance(code, numbers)}
    value = {"True": 1.0, "False": 0.0}

    def name(text: str) -> str:
        return meaning.get(value.get(text, float(text) if _WHOLE.match(text) else np.nan), text)

    names = list(map(name, coded.labels))
    place = {label: i for i, label in enumerate(dict.fromkeys(names))}
    move = np.array([*(place[label] for label in names), -1])
    gone = {place[names[i]]: why for i, why in coded.gone.items()}
    order = tuple(dict.fromkeys(map(name, coded.order)))
    return Coded(coded.column, move[coded.codes], tuple(place), gone, order, coded.unused)


def match_answers(coded: Coded, answers: Sequence[str], missing: Sequence[str]) -> tuple[Coded, list[Problem]]:
    """Return the column coded 0…K-1 in the declared order; labels after those count as missing.

    Examples
    --------
    >>> column = Coded("q", np.array([0, 1, 2]), ("yes", "no", "Refused"))
    >>> match_answers(column, ("no", "yes"), ("Refused",))[0].codes.tolist()
    [1, 0, 2]
    """
    gone = dict(coded.gone) | {i: "declared missing" for i, x in enumerate(coded.labels) if x in missing}
    problems = [
        Problem(
            "outcome",
            coded.column,
            f"the answer {coded.labels[i]!r} counts as {why}",
            coded.rows([i]),
            "take it out of `answers`, or give `numeric_codes`",
        )
        for i, why in gone.items()
        if coded.labels[i] in answers
    ]
    unknown = [i for i, x in enumerate(coded.labels) if x not in answers and i not in gone]
    problems += list(_unknown_problems(coded, unknown, answers))
    problems += list(_order_problems(coded, answers))
    if len(coded.codes) and not coded.alive().any():
        problems.append(Problem("outcome", coded.column, "answer is empty in every row"))
    labels = [*answers, *(x for x in coded.labels if x not in answers)]
    target = {label: i for i, label in enumerate(labels)}
    move = np.array([*(target[x] for x in coded.labels), -1])
    reasons = {target[coded.labels[i]]: why for i, why in gone.items()}
    return Coded(coded.column, move[coded.codes], tuple(labels), reasons), problems


def match_slider(
    coded: Coded, answers: Sequence[str], slider: Slider, missing: Sequence[str]
) -> tuple[np.ndarray, Coded, list[Problem]]:
    """Return the numbers of a column (nan where there is none), the column coded by part of the scale, its problems.

    Examples
    --------
    >>> column = Coded("q", np.array([0, 1, 2]), ("0", "62", "99"))
    >>> value, parts, _ = match_slider(column, ("0", "1-50", "51-99", "100"), Slider(), ("99",))
    >>> value.tolist()[:2], parts.codes.tolist(), parts.alive().tolist()
    ([0.0, 62.0], [0, 2, 4], [True, True, False])
    """
    gone = dict(coded.gone) | {i: "declared missing" for i, x in enumerate(coded.labels) if x in missing}
    number = np.array([float(x) if _NUMBER.match(x) else np.nan for x in coded.labels] + [np.nan])
    number[[-1, *gone]] = np.nan
    absent = [i for i in range(len(coded.labels)) if np.isnan(number[i]) and i not in gone]
    outside = [i for i, x in enumerate(number) if x < slider.low or x > slider.high]
    problems = [
        Problem(
            "outcome",
            coded.column,
            f"{len(found)} values {what}: {shown([coded.labels[i] for i in found])}",
            coded.rows(found),
            f"declare missing={tuple(coded.labels[i] for i in found[:5])!r} if they mean that nobody answered",
        )
        for found, what in (
            (absent, "are no numbers"),
            (outside, f"lie outside the slider, {slider.low:g} to {slider.high:g}"),
        )
        if found
    ]
    if len(coded.codes) and not coded.alive().any():
        problems.append(Problem("outcome", coded.column, "answer is empty in every row"))
    part = slider.part(slider.share(np.nan_to_num(number[:-1], nan=slider.low)))
    labels = (*answers, *(coded.labels[i] for i in gone))
    part[list(gone)] = len(answers) + np.arange(len(gone))
    reasons = {len(answers) + k: why for k, why in enumerate(gone.values())}
    return number[coded.codes], Coded(coded.column, np.array([*part, -1])[coded.codes], labels, reasons), problems


def _order_problems(coded: Coded, answers: Sequence[str]) -> Iterator[Problem]:
    source = [x for x in coded.order if x in answers]
    wanted = [a for a in answers if a in source]
    if source != wanted:
        message = f"the column is ordered {' < '.join(source)}, the declared order is {' < '.join(wanted)}"
        yield Problem("outcome", coded.column, message, (), "correct one, or drop the order (as_unordered())")


def _unknown_problems(coded: Coded, unknown: Sequence[int], answers: Sequence[str]) -> Iterator[Problem]:
    if not unknown:
        return
    labels = [coded.labels[i] for i in unknown]
    looks = {look_key(a): a for a in answers}
    alike = [x for x in labels if look_key(x) in looks]
    others = [x for x in labels if look_key(x) not in looks]
    absent = [x for x in others if _looks_missing(x)]
    if alike:
        twins = dict.fromkeys(looks[look_key(x)] for x in alike)
        message = f"labels look the same as declared answers: {', '.join(map(ascii, [*twins, *alike[:5]]))}"
        yield Problem("level", coded.column, message, _rows(coded, alike), "write each label in one way")
    if absent:
        message = f"undeclared {shown(absent)}: looks like a missing answer"
        remedy = f"declare missing={tuple(absent[:5])!r}, or add it to `answers` if it is one"
        yield Problem("outcome", coded.column, message, _rows(coded, absent), remedy)
    if rest := [x for x in others if not _looks_missing(x)]:
        yield Problem("outcome", coded.column, *_undeclared(coded, rest, answers))


def _looks_missing(label: str) -> bool:
    return bool(_DONT_KNOW.search(label) or _MISSING_CODE.match(label))


def _rows(coded: Coded, labels: Sequence[str]) -> tuple[int, ...]:
    wanted = set(labels)
    return coded.rows([i for i, x in enumerate(coded.labels) if x in wanted])


def _undeclared(coded: Coded, rest: Sequence[str], answers: Sequence[str]) -> tuple[str, tuple[int, ...], str]:
    seen = coded.observed()
    message = f"{len(rest)} values are not declared: {shown(sorted(rest))}; declared: {shown(answers, 20)}"
    if all(x in ("0", "1", "True", "False") or _WHOLE.match(x) for x in seen):
        if any("." in x for x in seen) and max(map(float, seen)) <= 1:
            return message, _rows(coded, rest), "shares? give them to read_toplines; answers are categories"
        numbers = [float(x) for x in seen if x not in ("True", "False")]
        if len(numbers) > MOST_CODES and 0 <= min(numbers) <= max(numbers) <= 100:
            remedy = "per cents? give them to read_toplines; a slider? read_survey(slider=…); answers are categories"
            return f"{message} (values up to {max(numbers):g})", _rows(coded, rest), remedy
        whole = tuple(sorted(seen, key=float) if not set(seen) & {"True", "False"} else sorted(seen))
        remedy = f"declare the codes as text in order, as {whole[:9]!r}, or numeric_codes={{{whole[0]}: 'label', ...}}"
    else:
        remedy = f"declare all answers in their order (never the alphabet's: {shown(sorted(seen))})"
    return message, _rows(coded, rest), remedy


def missing_shares(coded: Coded, country: Coded | None, times: np.ndarray) -> Iterator[ReportLine]:
    """Yield one line with the share of missing answers in the countries that have most."""
    lost = ~coded.alive()
    if country is None or not lost.any():
        return
    here, k = country.alive(), len(country.labels)
    n = np.bincount(country.codes[here], times[here], k)
    missing = np.bincount(country.codes[here & lost], times[here & lost], k)
    share = missing / np.maximum(n, 1)
    worst = [i for i in np.argsort(-share, kind="stable")[:10] if share[i] > 0]
    what = ", ".join(f"{country.labels[i]} {share[i]:.1%}" for i in worst)
    yield ReportLine("noted", int(times[lost].sum()), f"answers missing, by country: {what}")


def answer_warnings(coded: Coded, count: np.ndarray, answers: Sequence[str], keep: np.ndarray) -> Iterator[str]:
    """Yield what deserves a look: answers nobody gave, and codes or words that mean missing."""
    counts = np.bincount(coded.codes[keep], weights=count[keep], minlength=len(answers))
    if never := [a for a, n in zip(answers, counts, strict=False) if not n]:
        yield f"{coded.column}: nobody gave the answer {shown(never)}; its place in the scale is prior only"
    if odd := [a for a in answers if _CODE_IN_SCALE.match(a) or _DONT_KNOW.search(a)]:
        yield f"{coded.column}: the declared answer {shown(odd)} looks like a missing answer inside the scale"


def extreme_warnings(
    answer: np.ndarray, count: np.ndarray, country: Coded, keep: np.ndarray, k: int, top: Sequence[int]
) -> Iterator[str]:
    """Yield where only one answer was given, or no or every answer of a country is in the top."""
    totals = np.bincount(answer, weights=count, minlength=k)
    if (totals > 0).sum() == 1:
        yield "all answers are the same: what the data say of differences is the prior"
        return
    place = country.codes[keep]
    n = np.bincount(place, weights=count, minlength=len(country.labels))
    high = np.bincount(place, weights=count * np.isin(answer, list(top)), minlength=len(country.labels))
    for share, where in (("0", (n > 0) & (high == 0)), ("100", (n > 0) & (high == n))):
        if where.any() and (n > 0).sum() > 1:
            names = [country.labels[i] for i in np.flatnonzero(where)]
            yield f"{share} % credible answers in {shown(names)}: the prior decides how extreme"
