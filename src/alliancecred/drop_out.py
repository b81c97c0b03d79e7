"""Panels that lose people: who came back, the shift among those who did, and over all of the first wave.

People who drop out on what they answered before (missing at random; Rubin 1976) do no harm: the likelihood uses all
their answers. What they would have answered later cannot be seen; `attrition` moves it by a declared amount
(pattern-mixture model; Daniels & Hogan 2008, chapter 9).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .asked import (
    By,
    asked_after,
    factors_of,
    identification,
    role_column,
    role_filter,
    rows_for,
    signal_name,
    signal_notes,
)
from .averaging import make_estimate
from .cells import Rows
from .density import cut_group, data_arrays
from .design import SD_RESPONDENT
from .errors import SpecError, nearest
from .estimate import Attrition, Estimate, stacked
from .fitting import Fit
from .kernel import pattern_logs
from .outcome import log_probs
from .prediction import answer_weight, cuts_of, grouped_cuts
from .predictor import linear_predictor
from .respondents import by_score, with_rows
from .sources import Survey
from .terms import FACTORS

DELTAS = (-1.0, -0.5, 0.0, 0.5, 1.0)
_GROUP = ("country", "population")


def retention(survey: Survey, before: str, after: str, *, by: By = ("country",)) -> pd.DataFrame:
    """Return which share of the people of a wave came back in a later one, by what they had answered.

    Parameters
    ----------
    survey
        Answers with respondents.
    before, after
        Names of waves.
    by
        Factors to break down by, besides the answer: ``country``, ``ally``, ``target`` or ``population``.

    Returns
    -------
    pandas.DataFrame
        The factors, ``answer`` (of the first wave; ``all`` for every one), ``answers`` (how many there were: one for
        each ally a person judged), ``returned`` (by people with an answer in the later wave) and ``share`` of them,
        per cent.

    Raises
    ------
    SpecError
        If no respondents are known, or a wave is not in the survey.

    Examples
    --------
    >>> import alliancecred as ac
    >>> survey = ac.simulate("panel_simulated").survey
    >>> ac.retention(survey, "2024", "2025", by=())["answer"].tolist()[-1]
    'all'
    """
    by, table = factors_of(FACTORS, by), survey.table[survey.table["respondent"] != ""]
    if "wave" in by:
        raise SpecError("retention is between two waves: it cannot be broken down by wave")
    if table.empty:
        raise SpecError("the survey knows no respondents: read it with Roles(respondent=…)")
    for wave in (before, after):
        if wave not in set(table["wave"]):
            raise SpecError(f"no wave {wave!r}: {nearest(wave, sorted(set(table['wave'])))}")
    first = table[table["wave"] == before]
    came = first["respondent"].isin(table.loc[table["wave"] == after, "respondent"])
    first = first.assign(back=first["count"] * came, answer=np.array(survey.answers, dtype=object)[first["answer"]])
    whole = pd.concat([first, first.assign(answer="all")])
    order = {a: i for i, a in enumerate((*survey.answers, "all"))}
    out = whole.groupby([*by, "answer"], as_index=False)[["count", "back"]].sum()
    out = out.assign(_order=out["answer"].map(order)).sort_values([*by, "_order"]).drop(columns="_order")
    out = out.rename(columns={"count": "answers", "back": "returned"}).reset_index(drop=True)
    return out.assign(share=100 * out["returned"] / out["answers"])


def attrition(
    fit: Fit,
    *,
    signal: str | None = None,
    by: By = (),
    roles: Sequence[str] = (),
    countries: Sequence[str] = (),
    deltas: Sequence[float] = DELTAS,
    answer: str = "top",
    smallest: float = 0.0,
) -> Attrition:
    """Return the shift among people who stayed in a panel and over all, and what unseen change would do to it.

    Stayers answered before and after the signal, leavers only before; people who came later are in neither. Their
    deviations are those that their answers allow, so stayers may differ from leavers even if the signal moves all
    alike (on the logit scale).

    Parameters
    ----------
    fit
        A fitted analysis with a `Respondent` term.
    signal, by, roles, countries, answer, smallest
        As in `shift`.
    deltas
        How much more credible (logit) leavers find promises after the signal than stayers with the same answers
        before: 0 is missing at random.

    Returns
    -------
    Attrition

    Raises
    ------
    SpecError
        If the spec has no `Respondent` term, or slopes of covariates of people, if nobody answered on both sides of
        the signal, or δ is not finite.

    Examples
    --------
    >>> import alliancecred as ac
    >>> found = ac.attrition(fit, deltas=(-0.5, 0.0, 0.5))  # doctest: +SKIP
    >>> ac.summary(found.apart)  # doctest: +SKIP
    >>> ac.plot_attrition(found)  # doctest: +SKIP
    """
    if fit.design.respondent is None or fit.cells.people is None:
        raise SpecError("attrition is about people: the spec has no Respondent term")
    if any(c.of_people for c in fit.spec.used_covariates) or fit.spec.declared:
        raise SpecError("attrition averages over no covariates of people, groups or attributes yet: leave them out")
    if not len(deltas) or not np.isfinite(deltas).all():
        raise SpecError(f"deltas must be finite numbers, got {list(deltas)}")
    name, by = signal_name(fit.spec, signal), factors_of(fit.spec.factors, by)
    table = asked_after(fit, name, by, countries, None)
    table = table[role_filter(fit, table, name, roles, False)].reset_index(drop=True)
    whose = _Panel(fit, name)
    here = [whose.groups.index(key) for key in zip(*(table[f] for f in _GROUP), strict=True) if key in whose.groups]
    if len(here) < len(table) or not (whose.people["stayers"] > 0)[here].all():
        raise SpecError(f"nobody answered both before and after {name} in some of the rows asked for")
    rows, label = rows_for(fit, table), role_column(fit, table, name, False)
    off, on = rows.with_signal(name, 0.0), rows.with_signal(name, 1.0)
    group, total = np.array(here), whose.people["stayers"] + whose.people["leavers"]
    left = (whose.people["leavers"] / total)[group]

    def estimate(what: str, sides: tuple[np.ndarray, np.ndarray], *notes: str) -> Estimate:
        return make_estimate(
            fit,
            what,
            table.assign(role=label),
            ("role", *by),
            sides[1] - sides[0],
            answer=answer,
            smallest=smallest,
            identification=identification(fit, name),
            sides=sides,
            notes=(*signal_notes(fit, name), *notes),
        )

    stay, leave = (tuple(whose.score(side, group, who, answer) for side in (off, on)) for who in ("stayers", "leavers"))
    mixed = [(1 - left) * a + left * b for a, b in zip(stay, leave, strict=True)]
    over_all = {}
    for delta in deltas:
        after = leave[1] if delta == 0 else whose.score(on, group, "leavers", answer, float(delta))
        sides = mixed[0], (1 - left) * stay[1] + left * after
        over_all[float(delta)] = estimate(f"over all, δ = {delta:g}", sides, _words(delta))
    returned = pd.DataFrame(whose.groups, columns=list(_GROUP))
    returned = returned.assign(people=total, returned=whose.people["stayers"])
    parts = [estimate("stayers", (stay[0], stay[1])), estimate("leavers", (leave[0], leave[1]), _words(0.0))]
    return Attrition(stacked([*parts, estimate("over all", (mixed[0], mixed[1]))]), over_all, returned)


def _words(delta: float) -> str:
    if delta == 0:
        return "Leavers are taken to answer as stayers with the same answers before (missing at random)"
    return f"Leavers are taken to find promises {'more' if delta > 0 else 'less'} credible by {abs(delta):g} (logit)"


class _Panel:
    """What is known of the deviations of stayers and leavers, by country and population.

    ``share[who]`` (draws, groups, nodes) is their distribution over the nodes, ``people[who]`` (groups,) their number.
    """

    def __init__(self, fit: Fit, signal: str) -> None:
        self.fit, self.draws = fit, fit.draws()
        sd = np.asarray(self.draws[SD_RESPONDENT], dtype=float)
        self.data = data_arrays(fit.cells, spread=float(sd.max()))
        people = with_rows(fit.cells.people, np.ones(len(fit.cells.rows)))  # type: ignore[arg-type]
        if fit.design.answers == 2:
            people, _ = by_score(people, len(fit.cells.rows))
        on = fit.cells.rows.on[signal][people.row] > 0
        before, after = (np.bincount(people.person, side, len(people)) > 0 for side in (~on, on))
        labels = fit.cells.labels().iloc[people.row[people.start[:-1]]]
        keys = list(zip(*(labels[f] for f in _GROUP), strict=True))
        self.groups = list(dict.fromkeys(keys))
        group = np.array([self.groups.index(k) for k in keys])
        member = {"stayers": before & after, "leavers": before & ~after}
        weight = {k: (np.arange(len(self.groups))[:, None] == group) * m * people.times for k, m in member.items()}
        self.people = {k: w.sum(1) for k, w in weight.items()}
        mean = {k: w / np.maximum(w.sum(1, keepdims=True), 1) for k, w in weight.items()}
        eta = linear_predictor(fit.design, fit.cells.rows, self.draws)
        cuts, of_row = grouped_cuts(fit.design, self.draws, len(eta)), cut_group(fit.design, fit.cells.rows)
        self.share = {k: np.empty((len(eta), len(self.groups), len(self.data.nodes))) for k in member}
        for s in range(len(eta)):
            _, nodes = pattern_logs(eta[s], cuts[s], of_row, sd[s], self.data)
            for k, out in self.share.items():
                out[s] = mean[k] @ nodes

    def score(self, rows: Rows, group: np.ndarray, who: str, answer: str, delta: float = 0.0) -> np.ndarray:
        """Return an estimand's value in every row among these people, (draws, rows)."""
        design, draws = self.fit.design, self.draws
        eta = linear_predictor(design, rows, draws) + delta
        cuts, weight = cuts_of(design, rows, draws, len(eta)), answer_weight(design, answer)
        sd, share, out = np.asarray(draws[SD_RESPONDENT])[:, None], self.share[who][:, group], np.zeros(eta.shape)
        for i, z in enumerate(self.data.nodes):
            out += share[..., i] * (np.exp(log_probs(eta + z * sd, cuts)) @ weight)
        return out
