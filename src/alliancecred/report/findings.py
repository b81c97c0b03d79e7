"""Sections of a report for every reader: verdict, findings, figures, estimates."""

import base64
from collections.abc import Sequence

import pandas as pd

from ..estimate import LABELS, Estimate
from ..gates import passed_words
from ..markup import Html, bullets, details, download, el, join, link, section, table
from ..spec import Estimand
from ..summaries import digits_for, full_name, number, row_names
from ..wording import chance
from .contents import Contents, covered
from .pictures import Picture
from .rounding import Row, digits_apart, with_interval
from .sentences import described

_KINDS = {
    "marginal_means": "marginal means",
    "amce": "average marginal component effects",
    "moderation": "differences of marginal means",
}
_LONG = 20  # rows: longer tables are folded
_ROLES = {"sender": "first-order (sender)", "other": "second-order (other allies)", "self": "self-rating"}
Asked = tuple[Estimand, Estimate, pd.DataFrame]


def verdict(contents: Contents) -> Html:
    """Return what must be seen first: simulated or not, gates passed or not."""
    lines = []
    if contents.spec.simulated:
        text = "SIMULATED DATA. No respondent in this report exists; the truth is known and shown beside the estimates."
        lines.append(el("p", el("strong", text), attrs={"class": "band simulated"}))
    if contents.status == "passed":
        d = contents.fit.diagnosis
        text = f" Of everything reported: {passed_words({'r_hat', 'k_hat'} & set(d.table))}."
        lines.append(el("p", el("strong", "✓ All gates passed."), text, attrs={"class": "band passed"}))
    else:
        lines.append(
            el(
                "p",
                el("strong", "✗ GATES FAILED: do not report these numbers. "),
                contents.status.removeprefix("failed: "),
                attrs={"class": "band failed"},
            )
        )
    return join(lines)


def averages_of(contents: Contents) -> list[Asked]:
    """Return the differences that are averaged over everything: one row per role."""
    return [a for a in contents.asked if a[1].is_difference and not a[0].by]


def findings(contents: Contents) -> Html:
    """Return the main estimates, in a table and in words."""
    differences = [a for a in contents.asked if a[1].is_difference]
    main = averages_of(contents) or sorted(differences or contents.asked, key=lambda a: len(a[1]))[:1]
    words = [el("p", el("strong", f"{heading_of(estimand)}. "), described(estimate)) for estimand, estimate, _ in main]
    text = [_chances(main)] if differences else []
    if "truth" in contents.table:
        inside, size = covered(contents.table)
        text.append(
            f"Over all {size} estimates, {inside} of the 95 % intervals ({100 * inside / max(1, size):.0f} %) "
            "cover the truth."
        )
    return section(
        "Main findings",
        estimate_table(main, "Main estimates", short=True),
        [el("p", t) for t in text],
        el("h3", "The same in words"),
        words,
        anchor="findings",
    )


def title_of(estimand: Estimand) -> str:
    """Return the name of an estimand, or what it is and by what it is broken down: the name of its files, too."""
    name = estimand.name or estimand.of + (f" by {', '.join(estimand.by)}" if estimand.by else "")
    return name[:1].upper() + name[1:]


def kind_of(estimand: Estimand) -> str:
    """Return the name of an estimand, or in words what it is."""
    return estimand.name or _KINDS.get(estimand.of, estimand.of)


def heading_of(estimand: Estimand) -> str:
    """Return what an estimand is called above its tables: `title_of`, in words.

    Examples
    --------
    >>> heading_of(Estimand("amce", by=("region",))), heading_of(Estimand("levels", name="who believes it"))
    ('Average marginal component effects by region', 'Who believes it')
    """
    by = f" by {', '.join(estimand.by)}" if estimand.by and not estimand.name else ""
    name = kind_of(estimand) + by
    return name[:1].upper() + name[1:]


def estimate_table(asked: Sequence[Asked], caption: str, *, short: bool = False) -> Html:
    """Return estimates as a table: mean, interval, sd (unless ``short``), probability, truth where there is one.

    The identification label is in the caption, or beside each row where labels differ.
    """
    known = any("truth" in rows for _, _, rows in asked)
    signed = any(estimate.is_difference for _, estimate, _ in asked)
    units = " / ".join(dict.fromkeys(estimate.unit for _, estimate, _ in asked))
    labels = list(dict.fromkeys(estimate.identification for _, estimate, _ in asked))
    differ = len(labels) > 1
    kept = {"": True, "Mean [95 % interval]": True, "sd": not short, "P(> 0)": signed, "Truth": known}
    kept |= {_beyond(asked): any(estimate.smallest > 0 for _, estimate, _ in asked), "Identification": differ}
    head = [h for h, shown in kept.items() if shown]
    full = [row for one in asked for row in _rows(one, titled=len(asked) > 1)]
    body = [[cell for cell, shown in zip(row, kept.values(), strict=True) if shown] for row in full]
    about = units if differ else "; ".join([units, *labels])
    return table(head, body, numbers=range(1, len(head) - differ), caption=f"{caption}: {about}")


def _chances(asked: Sequence[Asked]) -> str:
    """Return what the columns of probabilities say."""
    said = "P(> 0): posterior probability that a difference is above zero."
    declared = any(estimate.smallest > 0 for _, estimate, _ in asked)
    return said + (" P(beyond ±): that it is larger than the smallest effect of interest, either way." * declared)


def _beyond(asked: Sequence[Asked]) -> str:
    sizes = {f"{estimate.smallest:g}" for _, estimate, _ in asked if estimate.smallest > 0}
    return f"P(beyond ±{sizes.pop()})" if len(sizes) == 1 else "P(beyond ± the smallest of interest)"


def _rows(asked: Asked, *, titled: bool) -> list[list[str]]:
    estimand, estimate, rows = asked
    out = []
    for name, row in zip(row_labels(estimand, estimate, titled=titled), rows.to_dict("records"), strict=True):
        digits = digits_for(estimate.unit)
        sd, above = number(float(row["sd"]), digits=digits), chance(float(row["p_positive"]))
        shown = with_interval(row, estimate.unit, digits=_digits(row, digits))
        beyond = chance(float(row["p_beyond"])) if estimate.smallest > 0 else "–"
        out.append([name, shown, sd, above, _truth(row, digits), beyond, estimate.identification])
    roles = estimate.draws["role"].values.astype(str)
    order = [*_ROLES, *dict.fromkeys(r for r in roles if r not in _ROLES)]
    return [out[i] for i in sorted(range(len(out)), key=lambda i: order.index(roles[i]))]


def row_labels(estimand: Estimand, estimate: Estimate, *, titled: bool = False) -> list[str]:
    """Return what the rows are called in a table: role and row, behind the estimand's name where ``titled``."""
    title = kind_of(estimand)
    roles, kinds = (estimate.draws[key].values.astype(str) for key in ("role", "estimand"))
    out = []
    places = [estimate.draws[key].values.astype(str) for key in ("country", "ally")]
    for role, kind, name, *place in zip(roles, kinds, row_names(estimate), *places, strict=True):
        shown = [title] if titled or len(estimate) == 1 else []
        shown += [_ROLES.get(role, role)] if len(set(roles)) > 1 and role else []
        if (estimand.by or len(set(estimate.keys) - set(LABELS))) and len(estimate) > 1:
            shown.append(name)
        elif len(set(kinds)) > 1:
            shown.append(kind.removeprefix(f"{estimand.name or estimand.of}: "))
        text = ": ".join(shown) or title
        # a row that begins with a state's label keeps it as it was typed
        typed = shown[:1] == [name] and any(p and name.startswith(full_name(estimate.spec, p)) for p in place)
        out.append(text if typed else text[:1].upper() + text[1:])
    return out


def _digits(row: Row, digits: int) -> int:
    """Return the digits of a row: more where the truth lies outside by less than can be seen."""
    value = float(row.get("truth", float("nan")))
    return digits if value != value else digits_apart(value, float(row["lower"]), float(row["upper"]), digits)


def _truth(row: Row, digits: int) -> str:
    value = float(row.get("truth", float("nan")))
    if value != value:
        return "–"
    inside = float(row["lower"]) <= value <= float(row["upper"])
    return number(value, digits=_digits(row, digits)) + ("" if inside else " (outside)")


def figures(contents: Contents, pictures: Sequence[Picture]) -> Html:
    """Return every figure with its title, its files and its words."""
    return section("Figures", [_figure(i + 1, p) for i, p in enumerate(pictures)], anchor="figures")


def _figure(number_of: int, picture: Picture) -> Html:
    wide, narrow = (f"data:image/png;base64,{base64.b64encode(x).decode()}" for x in (picture.wide, picture.narrow))
    image = el("img", attrs={"src": wide, "alt": picture.alt, "style": f"width:{picture.inches * 132:.0f}px"})
    small = el("source", attrs={"media": "(max-width: 640px)", "srcset": narrow})
    kinds = {".pdf": "application/pdf", ".csv": "text/csv"}  # the page holds the PNG as the picture itself
    files = [
        download(p.suffix[1:].upper(), p.name, p.read_bytes(), kinds[p.suffix])
        for p in picture.files
        if p.suffix in kinds
    ]
    spaced = [x for i, f in enumerate(files) for x in ([Html(" · ")] if i else []) + [f]]
    zoom = el("label", el("input", attrs={"type": "checkbox"}), " Enlarge", attrs={"class": "zoom"})
    title = el("figcaption", el("strong", f"Figure {number_of}. {picture.title}."), " Download: ", spaced, zoom)
    card = {"class": "card", "tabindex": "0", "role": "region", "aria-label": f"Figure {number_of}"}
    return join(
        el("figure", title, el("div", el("picture", small, image), attrs=card)),
        details("This figure in words", el("p", picture.words or picture.alt)),
    )


def estimates(contents: Contents) -> Html:
    """Return the tables of estimates, long ones folded."""
    means = averages_of(contents)
    parts = [_folded(a) for a in contents.asked if not (a[1].is_difference and not a[0].by)]
    parts += [estimate_table(means, "Averages")] if means else []
    note = el(
        "p",
        f"{_chances(contents.asked)} Every row with its diagnostics: ",
        link("summary.csv", "summary.csv"),
        ". The draws: ",
        link("draws.nc", "draws.nc"),
        ".",
    )
    return section("Estimates", note, parts, _varied(contents), anchor="estimates")


def _folded(asked: Asked) -> Html:
    estimand, estimate, _ = asked
    title = heading_of(estimand)
    made = estimate_table([asked], title)
    return details(f"{title}: table of {len(estimate)} rows", made) if len(estimate) > _LONG else made


def _varied(contents: Contents) -> Html:
    if not contents.varied:
        return Html("")
    variants = [v.variant for v in contents.varied]
    texts = [f"{v.name} (overdispersion {v.overdispersion:g}){': ' if v.why else ''}{v.why}." for v in variants]
    size = sum(len(e) for e in contents.estimates)
    columns = [contents.table.iloc[i * size : (i + 1) * size].to_dict("records") for i in range(len(variants) + 1)]
    rows = [(e, label) for estimand, e, _ in contents.asked for label in row_labels(estimand, e, titled=True)]
    body = [
        [label, *(with_interval(c[i], e.unit) for c in columns)] for i, (e, label) in enumerate(rows) if e.is_difference
    ]
    head = ["", "Main analysis", *(v.name for v in variants)]
    made = table(head, body, numbers=range(1, len(head)), caption="Differences under other assumptions")
    return join(el("h3", "The same under other assumptions"), bullets(texts), made)
