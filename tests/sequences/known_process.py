"""A made-up process with known answer: subjects with two attributes, and their events by laws that depend on these.

Belongs here: the laws, samples of them, and how far any sample is from them. Does not belong here: any model.

A subject has a `kind` and a `trend`. Its events have a `state` (a Markov chain whose matrix is that of the kind), a
date `at` (differences by the law of the kind), a `tag` (one for all events of a subject) and a `level` (a random walk
that drifts as the trend says). The number of events follows the law of the kind. Events of the kind "regular" are
always `REGULAR_LENGTH` in number and `REGULAR_DAYS` apart.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

FAILURE = 1e-6  # probability that any figure of a sample of the process exceeds what it says chance may do
REGULAR_LENGTH, REGULAR_DAYS = 5, 7
KEYS = {"ctx_primary_key": "id", "tgt_context_key": "owner"}
START = np.datetime64("2020-01-01")
START_DAYS = 366  # from which each first date is drawn, all equally likely

Values = npt.NDArray[np.int64]
Law = npt.NDArray[np.float64]  # probabilities of 0, 1, 2, ...


def _normalised(weights: Iterable[float]) -> Law:
    law = np.array(list(weights), float)
    return law / law.sum()


KINDS = {"calm": 0.4, "wild": 0.3, "regular": 0.3}
TRENDS = {"up": 2, "flat": 0, "down": -2}  # and the mean step of the level; each equally likely
STATES = np.array(["a", "b", "c", "d"])
TAGS = {"red": 0.4, "green": 0.3, "blue": 0.2, "grey": 0.1}
FIRST_STATES = {
    "calm": np.array([0.7, 0.1, 0.1, 0.1]),
    "wild": np.array([0.1, 0.1, 0.1, 0.7]),
    "regular": np.array([0.25, 0.25, 0.25, 0.25]),
}
TRANSITIONS = {
    "calm": np.array([[0.9, 0.1, 0, 0], [0.1, 0.8, 0.1, 0], [0, 0.2, 0.7, 0.1], [0, 0, 0.3, 0.7]]),  # stays near
    "wild": np.array([[0, 0.4, 0.4, 0.2], [0.4, 0, 0.4, 0.2], [0.2, 0.4, 0, 0.4], [0.4, 0.2, 0.4, 0]]),  # never stays
    "regular": np.array([[0.05, 0.95, 0, 0], [0, 0.05, 0.95, 0], [0, 0, 0.05, 0.95], [0.95, 0, 0, 0.05]]),  # turns
}
# Probabilities of 0, 1, 2, ... events; of the kinds that are not regular, some subjects have none.
LENGTHS = {
    "calm": _normalised([0.12, *(0.75**n for n in range(12))]),
    "wild": _normalised([0.05, *[0.119] * 8]),
    "regular": np.eye(REGULAR_LENGTH + 1)[REGULAR_LENGTH],
}
# Probabilities of 0, 1, 2, ... days from one event to the next.
INTERVALS = {
    "calm": _normalised([0.7**n for n in range(12)]),
    "wild": _normalised([0, 0, *[1] * 19]),
    "regular": np.eye(REGULAR_DAYS + 1)[REGULAR_DAYS],
}
STARTS = np.bincount(np.arange(START_DAYS) * 12 // START_DAYS) / START_DAYS  # twelfths of the first year
FIRST_LEVELS = _normalised([1] * 20)  # from LEAST_LEVEL on
LEAST_LEVEL = 40
STEPS = np.array([0.25, 0.5, 0.25])  # one less than the mean step of the trend, this, and one more


@dataclass(frozen=True)
class Sample:
    """Subjects with columns `id`, `kind`, `trend`, and their events with `owner`, `at`, `state`, `tag`, `level`.

    The events of a subject are in their order; others may lie between them.
    """

    subjects: pd.DataFrame
    events: pd.DataFrame


@dataclass(frozen=True)
class Distance:
    """How far a sample is from the law.

    Args:
        value: Total variation; of several laws (one for each kind, say) the mean, weighted by the events of each.
        by_chance: What a sample of the law exceeds with a probability of at most `FAILURE`, all figures together.
    """

    value: float
    by_chance: float


def make_subjects(n_subjects: int, seed: int) -> pd.DataFrame:
    """Subjects of the process."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(list(KINDS), n_subjects, p=list(KINDS.values()))
    names = [f"s{number:06}" for number in range(n_subjects)]
    return pd.DataFrame({"id": names, "kind": kinds, "trend": rng.choice(list(TRENDS), n_subjects)})


def make_process(n_subjects: int, seed: int) -> Sample:
    """A sample of the process; the same for the same seed."""
    subjects = make_subjects(n_subjects, seed)
    rng = np.random.default_rng([seed, 1])
    kinds, drifts = subjects["kind"].to_numpy(), subjects["trend"].map(TRENDS).to_numpy(np.int64)
    lengths = _drawn(LENGTHS, kinds, rng)
    starts = rng.integers(START_DAYS, size=n_subjects)
    tags = rng.choice(list(TAGS), n_subjects, p=list(TAGS.values()))
    owners = np.repeat(np.arange(n_subjects), lengths)
    firsts = np.cumsum(lengths) - lengths
    is_first = np.arange(len(owners)) == firsts[owners]
    days = np.where(is_first, starts[owners], _drawn(INTERVALS, kinds[owners], rng))
    levels = np.where(
        is_first,
        LEAST_LEVEL + rng.choice(len(FIRST_LEVELS), len(owners), p=FIRST_LEVELS),
        drifts[owners] + rng.choice(3, len(owners), p=STEPS) - 1,
    )
    events = pd.DataFrame(
        {
            "owner": subjects["id"].to_numpy()[owners],
            "at": START + _sums(days, owners).astype("timedelta64[D]"),
            "state": STATES[_chains(kinds, lengths, rng)],
            "tag": tags[owners],
            "level": _sums(levels, owners),
        }
    )
    return Sample(subjects, _interleaved(events, owners, rng))


def given_some(law: Law) -> Law:
    """The law of a number of events, of those who have any."""
    return _normalised([0, *law[1:]])


def distances(sample: Sample, lengths: Mapping[str, Law] = LENGTHS) -> dict[str, Distance]:
    """How far each law of a sample is from that of the process, given the attributes of its subjects."""
    subjects, events = sample.subjects, _ordered(sample)
    later = events[events["number"] > 0]
    first = events[events["number"] == 0]
    counted = subjects.assign(length=subjects["id"].map(events["owner"].value_counts()).fillna(0).astype(int))
    return {
        "lengths": _distance(counted, "length", {(kind,): law for kind, law in lengths.items()}, ["kind"]),
        "first states": _distance(first, "place", {(kind,): law for kind, law in FIRST_STATES.items()}, ["kind"]),
        "transitions": _distance(
            later,
            "place",
            {(kind, before): law for kind, laws in TRANSITIONS.items() for before, law in enumerate(laws)},
            ["kind", "place_before"],
        ),
        "starts": _distance(first, "twelfth", {(kind,): STARTS for kind in KINDS}, ["kind"]),
        "intervals": _distance(later, "days", {(kind,): law for kind, law in INTERVALS.items()}, ["kind"]),
        "tags": _distance(first, "tag_place", {(kind,): np.array(list(TAGS.values())) for kind in KINDS}, ["kind"]),
        "first levels": _distance(first, "level_place", {(trend,): FIRST_LEVELS for trend in TRENDS}, ["trend"]),
        "steps": _distance(later, "step_place", {(trend,): STEPS for trend in TRENDS}, ["trend"]),
    }


N_FIGURES = 8  # of `distances`, which share the error probability


def broken(sample: Sample) -> dict[str, float]:
    """Shares in which a sample breaks what the process never breaks."""
    subjects, events = sample.subjects, _ordered(sample)
    later = events[events["number"] > 0]
    regular = later[later["kind"] == "regular"]
    found = subjects["id"].map(events["owner"].value_counts()).fillna(0)
    return {
        "dates run backwards": _share(later["days"] < 0),
        "tag is another": _share(later["tag"] != later["tag_before"]),
        "regular interval is another": _share(regular["days"] != REGULAR_DAYS),
        "regular length is another": _share(found[subjects["kind"] == "regular"] != REGULAR_LENGTH),
        "nobody's": _share(~sample.events["owner"].isin(subjects["id"])),
    }


def drifts(sample: Sample) -> dict[str, float]:
    """Mean step of the level for each trend; that of the process is `TRENDS`."""
    events = _ordered(sample)
    return {str(trend): float(steps.mean()) for trend, steps in events.groupby("trend")["step"]}


def by_chance(n_drawn: int, n_laws: int, n_outcomes: int) -> float:
    """What the weighted mean of total variations exceeds with a probability of at most ``FAILURE / N_FIGURES``.

    Total variation is the largest excess of any set of outcomes. Choose one set for each law: the number of draws that
    fall into theirs, less the probabilities, is a martingale of differences in an interval of length one, also where an
    earlier draw says which law is next. So each such choice exceeds ``n t`` with a probability of at most
    ``exp(-2 n t²)`` (Azuma and Hoeffding), and there are ``2 ** (n_laws * n_outcomes)`` of them.
    """
    if n_drawn == 0:
        return 1.0
    return min(1.0, math.sqrt((n_laws * n_outcomes * math.log(2) + math.log(N_FIGURES / FAILURE)) / (2 * n_drawn)))


def _distance(table: pd.DataFrame, column: str, laws: Mapping[tuple[object, ...], Law], by: list[str]) -> Distance:
    """Distance of a column of outcomes 0, 1, 2, ... from the law of its group; other outcomes are far from any law."""
    total = 0.0
    for name, outcomes in table.groupby(by)[column]:
        law = laws.get(name, np.zeros(0))  # none: what came before was already impossible
        counts = np.bincount(outcomes[outcomes.between(0, len(law) - 1)].astype(int), minlength=len(law))
        total += float(np.maximum(counts - len(outcomes) * law, 0).sum() + len(outcomes) - counts.sum())
    n_outcomes = max(len(law) for law in laws.values())
    return Distance(total / max(1, len(table)), by_chance(len(table), len(laws), n_outcomes))


def _ordered(sample: Sample) -> pd.DataFrame:
    """Events beside their subjects, those of a subject together, with what came before and outcomes as numbers."""
    events = sample.events.merge(sample.subjects, left_on="owner", right_on="id", validate="many_to_one")
    events = events.sort_values("owner", kind="stable").reset_index(drop=True)
    events["place"] = _places(events["state"], STATES)
    events["tag_place"] = _places(events["tag"], TAGS)
    events["level_place"] = events["level"] - LEAST_LEVEL
    by_owner = events.groupby("owner")
    events["number"] = by_owner.cumcount()
    for name in ("place", "tag"):
        events[f"{name}_before"] = by_owner[name].shift()
    events["twelfth"] = (events["at"] - START) // np.timedelta64(1, "D") * 12 // START_DAYS
    events["days"] = by_owner["at"].diff() / np.timedelta64(1, "D")
    events["step"] = by_owner["level"].diff()
    events["step_place"] = events["step"] - events["trend"].map(TRENDS).astype(float) + 1
    return events


def _places(values: pd.Series, names: Iterable[str]) -> pd.Series:
    """The place of each value among the names; -1 where it is none of them."""
    return values.astype(object).map({name: place for place, name in enumerate(names)}).fillna(-1).astype(int)


def _drawn(laws: Mapping[str, Law], kinds: npt.NDArray[np.object_], rng: np.random.Generator) -> Values:
    """A draw for each kind in a list."""
    result = np.zeros(len(kinds), np.int64)
    for kind, law in laws.items():
        result[kinds == kind] = rng.choice(len(law), int((kinds == kind).sum()), p=law)
    return result


def _chains(kinds: npt.NDArray[np.object_], lengths: Values, rng: np.random.Generator) -> Values:
    """States of all events, subject by subject, as numbers."""
    longest = int(lengths.max(initial=0))
    states = np.zeros((len(kinds), longest), np.int64)
    uniform = rng.random((len(kinds), longest))
    for kind in KINDS:
        rows = kinds == kind
        for step in range(longest):
            law = FIRST_STATES[kind] if step == 0 else TRANSITIONS[kind][states[rows, step - 1]]
            states[rows, step] = (uniform[rows, step, None] >= np.cumsum(law, axis=-1)[..., :-1]).sum(axis=-1)
    return states[np.arange(longest) < lengths[:, None]]


def _sums(values: Values, owners: Values) -> Values:
    """Running sums within each owner."""
    return pd.Series(values).groupby(owners).cumsum().to_numpy(np.int64)


def _interleaved(events: pd.DataFrame, owners: Values, rng: np.random.Generator) -> pd.DataFrame:
    """The events in another order, in which those of one owner keep theirs."""
    order = np.empty(len(owners), np.int64)
    order[np.argsort(rng.permutation(owners), kind="stable")] = np.arange(len(owners))  # `owners` is sorted
    return events.iloc[order].reset_index(drop=True)


def _share(flags: pd.Series) -> float:
    return float(flags.mean()) if len(flags) else 0.0
