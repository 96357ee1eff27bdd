"""Differentially private summaries, over every registered encoding: what they cost, and that one entity counts once."""

import json
import math
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import ValueCounts, fitter
from synth_engine.encodings.datetime_relative import RelativeCounts
from synth_engine.encodings.lat_long import LatLongEncoding
from synth_engine.privacy import Budget, ValueProtection, seeded_source
from tests.encodings.columns import FITTERS, accepted, columns, has_room
from tests.encodings.language.fitters import LANGUAGE_FITTERS

ALL_FITTERS = [*FITTERS, *LANGUAGE_FITTERS]


def name_of(by) -> str:
    kind = "" if by in FITTERS else "language "
    return kind + by.type.removeprefix("TABULAR_").removeprefix("LANGUAGE_").lower()


by_encoding = pytest.mark.parametrize("by", ALL_FITTERS, ids=name_of)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def budget(epsilon: float = 1.0, delta: float = 1e-6, seed: int = 0, records: int = 0) -> Budget:
    return Budget(epsilon, delta, seeded_source(rng(seed)), records=records)


def fit_private(by, column, entities=None, **options):
    spent = budget(**options)
    released = by.release(by.summarise(column, entities), column.type, spent)
    return by.fit(released, column.type, ValueProtection(enabled=False), rng())


# --- what it costs ----------------------------------------------------------------------------------------------------


@by_encoding
@settings(max_examples=30)
@given(data=st.data())
def test_a_column_spends_its_epsilon_and_no_more_than_its_delta(by, data):
    column = data.draw(columns(data.draw(st.sampled_from(accepted(by)))))
    entities = data.draw(st.sampled_from([None, np.arange(len(column)) // 3]))
    epsilon = data.draw(st.sampled_from([0.01, 1.0, 50.0]))
    spent = budget(epsilon, 1e-4, records=len(column))
    by.release(by.summarise(column, entities), column.type, spent)
    assert math.fsum(spend.epsilon for spend in spent.spends) == pytest.approx(epsilon, rel=1e-9)
    assert math.fsum(spend.delta for spend in spent.spends) <= 1e-4 * (1 + 1e-9)


class Watched(RelativeCounts):
    """A summary that tells when anything but its values and what an entity changes by one is looked at."""

    _ALLOWED = frozenset({"contributions", "values", "levels", "intervals"})

    def __getattribute__(self, name):
        inside = sys._getframe(1).f_code is ValueCounts.contributions.fget.__code__
        assert name.startswith("_") or inside or name in Watched._ALLOWED, name
        return super().__getattribute__(name)


def watched(counts: ValueCounts) -> Watched:
    """The same summary, and that of intervals with it."""
    parts = {name: getattr(counts, name) for name in counts.__dataclass_fields__}
    if parts.get("intervals") is not None:
        parts["intervals"] = watched(parts["intervals"])
    return Watched(**parts)


def test_a_look_at_anything_else_is_noticed():
    counts = watched(ValueCounts.of(pa.array([1, 2, 2]), np.array([0, 0, 1])))
    assert counts.contributions[0].sum() == 2
    for name in ("rows", "entities", "lowest", "highest", "null_rows", "one_each", "total_rows", "merge"):
        with pytest.raises(AssertionError, match=name):
            getattr(counts, name)


MANY = {
    "names": lambda size: [f"{name} {other}" for name, other in rng().choice(list("ABCDEFGH"), (size, 2))],
    "codes": lambda size: [f"AB-{number:05}" for number in rng().permutation(size)],
    "places": lambda size: [f"{n:.4f},{e:.4f}" for n, e in rng().normal([48.2, 16.4], 0.5, (size, 2))],
    "numbers": lambda size: rng().integers(0, 10**6, size).tolist(),
}
KINDS_OF_TEXT = {Kind.AUTO: ["names", "codes", "places"], Kind.TABULAR_CHARACTER: ["codes"]}
KINDS_OF_TEXT[Kind.TABULAR_LAT_LONG] = ["places", "codes"]
KINDS_OF_TEXT[Kind.LANGUAGE_TEXT] = ["names", "codes"]
WITH_ROOM = [by for by in ALL_FITTERS if has_room(by)]
BY_AND_MANY = [(by, many) for by in WITH_ROOM for many in KINDS_OF_TEXT.get(by.type, ["numbers"])]
by_typical = pytest.mark.parametrize(
    ("by", "many"), BY_AND_MANY, ids=lambda value: value if isinstance(value, str) else name_of(value)
)
IS_DATE = (Kind.TABULAR_DATETIME, Kind.TABULAR_DATETIME_RELATIVE, Kind.LANGUAGE_DATETIME)


def typical(by, values: list) -> pa.Array:
    """A column as the encoding takes it; of numbers the seconds since 1970 where it takes dates."""
    column = pa.array(values)
    return column.cast(pa.timestamp("s")) if by.type in IS_DATE else column


@by_typical
@pytest.mark.parametrize("with_entities", [False, True])
def test_only_bounded_contributions_are_looked_at(by, many, with_entities):
    column = typical(by, MANY[many](2_000))
    exact = by.summarise(column, np.arange(2_000) // 4 if with_entities else None)
    by.release(watched(exact), column.type, budget(10.0))


# --- one entity, whatever it has --------------------------------------------------------------------------------------

HOSTILE = {
    "numbers": ([987_654_321] * 5_000 + [900_000_000 + 1_001 * step for step in range(5_000)], ["987654321", "1998"]),
    "names": (["Þorquux Æsir"] * 5_000 + [f"Quuxß{step}" for step in range(5_000)], ["quux", "Þ", "ß", "Æ"]),
    "places": (["-33.8568,151.2153"] * 5_000 + [f"-33.{step:04},151.2" for step in range(5_000)], []),
}
HOSTILE["codes"] = HOSTILE["names"]


@by_typical
def test_one_entity_with_many_rows_counts_once(by, many):
    """A year of 900,000,000 is 1998."""
    secrets, traces = HOSTILE[many]
    column = typical(by, MANY[many](900) + secrets)
    entities = np.array([*range(900), *[7_777] * 10_000])
    counts = by.summarise(column, entities)
    assert counts.contributions[0].sum() + counts.contributions[1] == 901
    for seed in range(5):
        encoding = fit_private(by, column, entities, epsilon=5.0, seed=seed)
        text = json.dumps(encoding.model_dump(mode="json"), ensure_ascii=False)
        assert not [trace for trace in traces if trace in text]
        if isinstance(encoding, LatLongEncoding):
            assert (encoding.encode(pa.array(secrets))[:, 0] <= 1).all()  # in no cell, not even a large one


def test_of_an_entity_one_interval_counts():
    by = fitter(Kind.TABULAR_DATETIME_RELATIVE)
    days = [day for _ in range(500) for day in (0, 10, 20, 30)] + list(range(0, 4_000_000, 1_000))
    entities = np.array([*np.repeat(np.arange(500), 4), *[999] * 4_000])
    column = pa.array(np.array(days) % 20_000, pa.int32()).cast(pa.date32())
    counts = by.summarise(column, entities)
    assert counts.intervals.contributions[0].sum() + counts.intervals.contributions[1] == 501
    encoding = fit_private(by, column, entities, epsilon=10.0, records=501)
    decoded = [*encoding.intervals.atoms, *encoding.intervals.edges]
    assert max(decoded) < 100
    assert min(decoded) >= 0


def test_an_entity_stands_for_its_middle_row_in_any_partitioning():
    values = pa.array([5, 1, None, 7, 7, 2, None, None])
    entities = np.array([1, 1, 1, 2, 2, 3, 4, 4])
    counts = ValueCounts.of(values, entities)
    assert dict(zip(counts.values.to_pylist(), counts.contributions[0].tolist(), strict=True)) == {
        1: 1,
        2: 1,
        5: 0,
        7: 1,
    }
    assert counts.contributions[1] == 1
    parts = ValueCounts.of(values[:5], entities[:5]).merge(ValueCounts.of(values[5:], entities[5:]))
    assert (parts.contributions[0] == counts.contributions[0]).all()
    assert parts.contributions[1] == counts.contributions[1]


@given(st.data())
def test_one_entity_more_changes_one_contribution_by_one(data):
    values = data.draw(st.lists(st.integers(0, 3) | st.none(), min_size=1, max_size=30))
    entities = data.draw(st.lists(st.integers(0, 4), min_size=len(values), max_size=len(values)))
    without = [place for place, entity in enumerate(entities) if entity != entities[0]]

    def histogram(places):
        counts = ValueCounts.of(pa.array([values[place] for place in places], pa.int64()), np.array(entities)[places])
        found = dict.fromkeys([0, 1, 2, 3], 0) | dict(
            zip(counts.values.to_pylist(), counts.contributions[0].tolist(), strict=True)
        )
        return np.array([*found.values(), counts.contributions[1]])

    difference = histogram(list(range(len(values)))) - histogram(without)
    assert sorted(difference.tolist()) == [0, 0, 0, 0, 1]


class Replayed(Budget):
    """A budget that writes down what it is asked, exactly; given the answers of another, it gives the same."""

    def start(self, answers: list | None = None) -> "Replayed":
        self.asked: list[np.ndarray] = []
        self.given: list = []
        self._answers = answers
        return self

    def histogram(self, counts, share, purpose):
        return self._answer([counts], super().histogram(counts, share, purpose))

    def stable_histogram(self, counts, share, purpose, delta_share=1.0):
        return self._answer([counts], super().stable_histogram(counts, share, purpose, delta_share))

    def open_histogram(self, known, others, share, purpose, delta_share=1.0):
        return self._answer([known, others], super().open_histogram(known, others, share, purpose, delta_share))

    def part(self, share, delta_share):
        part = super().part(share, delta_share)
        part.__class__ = Replayed
        part.asked, part.given, part._answers = self.asked, self.given, self._answers
        return part

    def _answer(self, counts, answer):
        self.asked.append(np.concatenate(counts))
        self.given.append(answer if self._answers is None else self._answers[len(self.given)])
        return self.given[-1]


@by_encoding
@settings(max_examples=60)
@given(data=st.data())
def test_one_entity_more_changes_one_count_of_each_question_by_one(by, data):
    """Given the answers so far, whatever they were. The one more has what another has, so that counts compare."""
    column = data.draw(columns(data.draw(st.sampled_from(accepted(by)))))
    n_rows = data.draw(st.sampled_from([1, 3]))
    entities = np.arange(len(column)) // n_rows
    repeated = column.slice(n_rows * data.draw(st.integers(0, max(len(column) // 3 - 1, 0))), n_rows)
    without, of_one = budget(20.0, 1e-2, records=len(column)), budget(20.0, 1e-2, records=len(column))
    without.__class__ = of_one.__class__ = Replayed
    by.release(by.summarise(column, entities), column.type, without.start())
    more = by.summarise(repeated, np.full(len(repeated), len(column)))
    counts = type(more).merged([by.summarise(column, entities), more])
    by.release(counts, column.type, of_one.start(without.given))
    assert len(of_one.asked) == len(without.asked)
    for one, other in zip(of_one.asked, without.asked, strict=True):
        assert np.abs(one - other).sum() <= 1
