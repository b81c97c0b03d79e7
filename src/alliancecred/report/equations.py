"""The model in mathematics: likelihood, linear predictor and priors as LaTeX, and the same as MathML for a page."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from latex2mathml.converter import convert

from ..design import Design
from ..events import Decay, Ramp
from ..markup import Html
from ..priors import Flat, HalfNormal, LogNormal, Normal
from ..spec import Spec
from ..terms import Cuts, Drift, Effect, Fixed, Gap, Level, Respondent, Shift, Slope, Term, Trend
from ..wording import term_words

INDICES = {"country": "c", "ally": "a", "target": "d", "wave": "w", "population": "g"}
_CENTRED = r"\textstyle\sum_k \kappa_k = 0"  # in each country, where cuts are by country
_ROW = 5  # summands in a line of LaTeX
_NAME = re.compile(r"Q([0-9a-f]*)Q")
_FUNCTION = re.compile("<mo>([A-Za-z]{2,})</mo>")  # spaced as a name, not as an operator
_TILDE = ("<mi>&#x0007E;</mi>", "<mo>\N{TILDE OPERATOR}</mo>")
_SPECIAL = re.compile(r"[\\{}$&#%_^~]")
_WORDS = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}


@dataclass(frozen=True)
class Part:
    """A summand of η.

    Parameters
    ----------
    symbol
        How it stands in the sum; empty where a term is no summand (cuts).
    priors
        What it is distributed as, one formula each.
    words
        What it says.
    """

    symbol: str
    priors: tuple[str, ...]
    words: str


def named(text: str) -> str:
    r"""Return a name from outside as LaTeX text that nothing reads as a command; see `latex` and `mathml`.

    Examples
    --------
    >>> print(latex(named("a_b & {c}")))
    \text{a\_b \& \{c\}}
    """
    return rf"\text{{Q{text.encode().hex()}Q}}"


def latex(formula: str) -> str:
    """Return a formula as LaTeX (amsmath)."""
    return _NAME.sub(lambda m: _SPECIAL.sub(lambda c: _WORDS.get(c[0], "\\" + c[0]), _plain(m)), formula)


def mathml(formula: str, *, block: bool = False) -> Html:
    """Return a formula as MathML, which browsers draw themselves.

    Examples
    --------
    >>> "<mtext>&lt;b&gt;</mtext>" in mathml(named("<b>"))
    True
    """
    made = convert(formula, display="block" if block else "inline")
    return Html(_NAME.sub(lambda m: escape(_plain(m)), _FUNCTION.sub(r"<mi>\1</mi>", made.replace(*_TILDE))))


def _plain(found: re.Match[str]) -> str:
    text = bytes.fromhex(found[1]).decode(errors="replace")
    return "".join(c for c in text if c.isprintable())


def likelihood(design: Design, *, published: str = "") -> tuple[str, ...]:
    """Return what an answer is distributed as, given η: one formula or more, by the family of the analysis.

    ``published`` adds what a published share is, known between bounds only: the name of its distribution,
    ``Binomial``, or ``BetaBinomial`` with a declared overdispersion ρ; before it stands what its chance π is.
    """
    more = r",\ \rho_i" if published == "BetaBinomial" else ""
    bounds = (
        r"\Pr(l_i \le \text{published share}_i \le u_i) = \sum_{m = \lceil n_i l_i \rceil}^{\lfloor n_i u_i \rfloor}"
        rf"\operatorname{{{published}}}(m \mid n_i,\ \pi_i{more})"
    )
    chance = r"\pi_i = \Pr(y_i \in A_i \mid \eta_i)"
    return (*_answers(design), *((chance, bounds) if published else ()))


def _answers(design: Design) -> tuple[str, ...]:
    spec = design.spec
    if design.slider is not None:
        return (
            r"\Pr(y_i = 0) = \operatorname{logit}^{-1}(\kappa_1 - \eta_i)",
            r"\Pr(y_i = 1) = \operatorname{logit}^{-1}(\eta_i - \kappa_2)",
            r"y_i \mid 0 < y_i < 1 \sim \operatorname{Beta}(\mu_i \phi,\ (1 - \mu_i)\phi),"
            r"\quad \mu_i = \operatorname{logit}^{-1}(\eta_i)",
        )
    if spec.gaussian is not None:
        return (r"y_i \sim \operatorname{Normal}(\eta_i,\ \sigma^2)",)
    if spec.forced_choice:
        return (r"\Pr(\text{the first of two is chosen}) = \operatorname{logit}^{-1}(\eta_{1} - \eta_{2})",)
    if spec.rating is not None:
        return (
            r"\bar y_i \sim \operatorname{Normal}(L + (H - L)\,\operatorname{logit}^{-1}(\eta_i),\ s_i^2)"
            rf",\quad L = {spec.rating.low:g},\ H = {spec.rating.high:g}",
        )
    if design.answers == 2:
        return (rf"\Pr(y_i = {named(spec.answers[1])}) = \operatorname{{logit}}^{{-1}}(\eta_i)",)
    by = "" if design.cut_scale is None else " c"
    return (
        rf"\Pr(y_i \le k) = \operatorname{{logit}}^{{-1}}(\kappa_{{k{by}}} - \eta_i),"
        rf"\quad k = 1, \dots, {design.answers - 1}",
    )


def parts(design: Design) -> tuple[Part, ...]:
    """Return the summands of η, the intercept first, then the terms in the order of the spec; cuts are among them."""
    spec = design.spec
    first = Part(r"\alpha", (rf"\alpha \sim {_distribution(spec.intercept)}",), "The overall level.")
    made = [_part(term, spec) for term in spec.terms]
    start = [] if spec.forced_choice else [first]
    return (*start, *made, *_extra(design))


def _part(term: Term, spec: Spec) -> Part:
    words = term_words(term, spec)
    match term:
        case Level(by=by):
            return _pooled(rf"\lambda_{{{_index(by)}}}", term.scale, words)
        case Shift(signal=signal, by=(), prior=prior):
            return _times(signal, rf"\beta^{{{named(signal)}}}_{{r}}", prior, words)
        case Shift(signal=signal, by=by, roles=roles, scale=scale):
            each = "r " if len(roles) != 1 and not term.together else ""  # a block of its own for each role
            one = rf"\delta^{{{', '.join(map(named, (signal, *roles)))}}}_{{{each}{_index(by)}}}"
            made = _pooled(one, scale, words, before=rf"x^{{{named(signal)}}}_{{i}}\,")
            return _paired(made, one, rf"\lambda_{{{_index(by)}}}", term) if term.correlated else made
        case Gap(population=population, by=(), signal=None, prior=prior):
            one = rf"\gamma^{{{named(population)}}}"
            return Part(_of(population) + one, (rf"{one} \sim {_distribution(prior)}",), words)
        case Gap(population=population, by=(), signal=str() as signal, prior=prior):
            one = rf"\gamma^{{{named(population)}, {named(signal)}}}_{{r}}"
            return _times(signal, one, prior, words, also=_of(population))
        case Gap(population=population, by=by, signal=signal, scale=scale):
            names = ", ".join(map(named, [population, *([signal] if signal else []), *term.roles]))
            before = (rf"x^{{{named(signal)}}}_{{i}}\," if signal else "") + _of(population)
            return _pooled(rf"\gamma^{{{names}}}_{{{_index(by)}}}", scale, words, before=before)
        case Slope(covariate=z, signal=signal, by=(), prior=prior):
            if signal:
                one = rf"b^{{{named(z)}, {named(signal)}}}_{{r}}"
                return _times(signal, one, prior, words, also=rf"{named(z)}_{{i}}\,")
            one = rf"b^{{{named(z)}}}"
            return Part(rf"{named(z)}_{{i}}\,{one}", (rf"{one} \sim {_distribution(prior)}",), words)
        case Slope(covariate=z, by=by, scale=scale):
            one = rf"b^{{{named(z)}}}_{{{_index(by)}}}"
            made = _pooled(one, scale, words, before=rf"{named(z)}_{{i}}\,")
            return _paired(made, one, rf"\lambda_{{{_index(by)}}}", term) if term.correlated else made
        case Effect(of=of, by=(), prior=prior):
            one = rf"e_{{{_index(of)}}}"
            return Part(one, (rf"{one} \sim {_distribution(prior)}, \quad e_{{\text{{baseline}}}} = 0",), words)
        case Effect(of=of, by=by, scale=scale):
            return _pooled(rf"e^{{{_index(of)}}}_{{{_index(by)}}}", scale, words, before=r"[\text{not the baseline}]\,")
        case Fixed(name=name, prior=prior):
            one = rf"f^{{{named(name)}}}"
            return Part(rf"{one}\,[i \in {named(name)}]", (rf"{one} \sim {_distribution(prior)}",), words)
        case Trend(by=by, scale=scale):
            return _walk(rf"_{{w {_index(by)}}}", rf"_{{w - 1 {_index(by)}}}", scale, words)
        case Drift(sd=sd):
            step = rf"d_{{w}} - d_{{w - 1}} \sim \operatorname{{Normal}}(0,\ {sd:g}^2\,\Delta t_w)"
            return Part(r"d_{w}", (step,), words)
        case Respondent(scale=scale):
            return _pooled(r"u_{p}", scale, words)
        case Cuts(by=by, spacing=spacing, scale=scale):
            common = rf"\log(\kappa_{{k + 1}} - \kappa_k) \sim {_distribution(spacing)}"
            own = (
                r"\log(\kappa_{k + 1, c} - \kappa_{k c}) = \log(\kappa_{k + 1} - \kappa_k) + \epsilon_{k c}",
                r"\epsilon_{k c} \sim \operatorname{Normal}(0,\ \sigma_\epsilon^2)",
                rf"\sigma_\epsilon \sim {_distribution(scale)}",
            )
            return Part("", (common, *(own if by else ()), _CENTRED), words)
    raise TypeError(term)


def _of(population: str) -> str:
    return rf"[g = {named(population)}]\,"


def _pooled(one: str, scale: HalfNormal, words: str, *, before: str = "") -> Part:
    sd = rf"\sigma_{{{one}}}"
    priors = (rf"{one} \sim \operatorname{{Normal}}(0,\ {sd}^2)", rf"{sd} \sim {_distribution(scale)}")
    return Part(before + one, priors, words)


def _paired(made: Part, one: str, partner: str, term: Shift | Slope) -> Part:
    together = rf"\operatorname{{corr}}({partner},\ {one}) \sim \operatorname{{LKJ}}({term.correlation.eta:g})"
    return Part(made.symbol, (*made.priors, together), made.words)


def _times(signal: str, one: str, prior: Normal | Flat, words: str, *, also: str = "") -> Part:
    return Part(rf"x^{{{named(signal)}}}_{{i}}\,{also}{one}", (rf"{one} \sim {_distribution(prior)}",), words)


def _walk(now: str, last: str, scale: HalfNormal, words: str) -> Part:
    sd = rf"\sigma_{{\theta{now}}}"
    step = rf"\theta{now} - \theta{last} \sim \operatorname{{Normal}}(0,\ {sd}^2\,\Delta t_w)"
    return Part(rf"\theta{now}", (step, rf"{sd} \sim {_distribution(scale)}"), words)


def _extra(design: Design) -> Iterator[Part]:
    """Yield what a family or a signal has beside the terms."""
    if design.slider is not None:
        priors = (
            rf"\tfrac{{1}}{{2}}(\kappa_1 + \kappa_2) \sim {_distribution(design.slider.location)}",
            rf"\log(\kappa_2 - \kappa_1) \sim {_distribution(design.slider.spacing)}",
            rf"\phi \sim {_distribution(design.slider.precision)}",
        )
        yield Part("", priors, "The two cuts, and how close answers between the ends lie to their mean.")
    elif design.spec.gaussian is not None:
        yield Part("", (rf"\sigma \sim {_distribution(design.spec.gaussian.sd)}",), "The sd of answers around η.")
    elif design.answers > 2 and not any(isinstance(t, Cuts) for t in design.spec.terms):
        spacing = rf"\log(\kappa_{{k + 1}} - \kappa_k) \sim {_distribution(design.cuts)}"
        yield Part("", (spacing, _CENTRED), "Cut points between the answers, common to all.")
    for signal in design.spec.signals:
        on = rf"[w \text{{ begins after }} {named(str(signal.date))}]"
        on += rf"\,[c \in {named(signal.name)}]" if signal.countries else ""
        x = rf"x^{{{named(signal.name)}}}_{{i}} = {on}"
        about = f"Signal {signal.name}" + (
            f"; it concerns {', '.join(map(design.spec.label, signal.countries))}" if signal.countries else ""
        )
        weeks = f"{about}; t: weeks from {signal.date} to the middle of the wave"
        match signal.form:
            case Decay(half_life=prior):
                yield Part(
                    "", (rf"{x}\,2^{{-t_i / h}}", rf"h \sim {_distribution(prior)}"), f"{weeks}; h: its half-life."
                )
            case Ramp(weeks=length):
                yield Part("", (rf"{x}\,\min(1,\ t_i / {length:g})",), f"{weeks}; whole after {length:g} of them.")
            case _:
                yield Part("", (x,), f"{about}; it stays.")


def _distribution(prior: Normal | HalfNormal | LogNormal | Flat) -> str:
    match prior:
        case Normal(mean=mean, sd=sd):
            return rf"\operatorname{{Normal}}({mean:g},\ {sd:g}^2)"
        case HalfNormal(sd=sd):
            return rf"\operatorname{{Normal}}^{{+}}(0,\ {sd:g}^2)"
        case LogNormal(median=median, sd=sd):
            return rf"\operatorname{{LogNormal}}(\log {median:g},\ {sd:g}^2)"
        case _:
            return r"\operatorname{Flat}"


def _index(factors: Sequence[str]) -> str:
    """Return factors as an index: letters for those every analysis has, names for what is declared."""
    separator = " " if all(f in INDICES for f in factors) else r",\,"
    return separator.join(INDICES.get(f, named(f)) for f in factors)


def align(design: Design, *, published: str = "") -> str:
    """Return the whole model as one ``align*`` of LaTeX (amsmath), for a paper."""
    made = parts(design)
    summands = [p.symbol for p in made if p.symbol]
    rows = [" + ".join(summands[i : i + _ROW]) for i in range(0, len(summands), _ROW)]
    lines = [
        *likelihood(design, published=published),
        r"\eta_i = " + rows[0],
        *(r"\quad + " + row for row in rows[1:]),
        *(x for p in made for x in p.priors),
    ]
    return "\n".join([r"\begin{align*}", " \\\\\n".join("  & " + latex(x) for x in lines), r"\end{align*}"])
