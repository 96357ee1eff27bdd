"""What only dates relative to each other have: order, constant intervals, nulls inside sequences, ends of 64 bits."""

import datetime as dt
import json
from functools import reduce

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.domain import RareCategoryReplacementMethod
from synth_engine.encodings import fitter
from synth_engine.encodings.datetime_relative import DATE, INTERVAL, NULL
from synth_engine.privacy import MINIMUM_ENTITIES, ValueProtection
from tests.encodings.columns import DATES, TIMESTAMPS, columns
from tests.encodings.test_encodings_datetime import units
from tests.encodings.test_encodings_events import owners, random_codes

RELATIVE, DATETIME = fitter(Kind.TABULAR_DATETIME_RELATIVE), fitter(Kind.TABULAR_DATETIME)
N_SUBJECTS, N_EVENTS = 400, 8
ENTITIES = np.repeat(np.arange(N_SUBJECTS), N_EVENTS)
DAY, SECONDS = 86_400, pa.timestamp("s")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def fit(column: pa.Array, entities: np.ndarray | None = ENTITIES, *, enabled: bool = True, seed: int = 0):
    protection = ValueProtection(enabled=enabled)
    return RELATIVE.fit(RELATIVE.summarise(column, entities), column.type, protection, rng(seed))


def walks(intervals: np.ndarray, dtype: pa.DataType = SECONDS, seed: int = 1) -> pa.Array:
    """Sequences that start on different days of ten years; `intervals` are seconds, of shape (subjects, events)."""
    start = 1_200_000_000 // DAY * DAY + DAY * rng(seed).integers(0, 3_650, (len(intervals), 1))
    seconds = start + np.cumsum(np.concatenate([np.zeros_like(start), intervals[:, 1:]], axis=1), axis=1)
    return pa.array(seconds.ravel()).cast(pa.timestamp("s")).cast(dtype)


def round_trip(column: pa.Array, entities: np.ndarray = ENTITIES, **options) -> pa.Array:
    encoding = fit(column, entities, **options)
    return encoding.decode_events(encoding.encode_events(column, entities), entities, rng(5))


def by_subject(column: pa.Array) -> np.ndarray:
    return units(column).reshape(-1, N_EVENTS)


@given(data=st.data())
def test_codes_agree_with_the_slow_twin(data):
    column = data.draw(columns(data.draw(st.sampled_from([*DATES, *TIMESTAMPS]))))
    entities = owners(len(column), data.draw(st.sampled_from([1, 5, 40])), 0)
    encoding = fit(column, entities, enabled=data.draw(st.booleans()))
    codes = encoding.encode_events(column, entities)
    if encoding.intervals is None:
        assert (codes == encoding.dates.encode(column)).all()
        return
    in_steps = encoding.canonical(column).to_pylist()
    per_step = 86_400_000 if column.type == pa.date64() else 1
    expected, last, before = [], None, None
    of_date, of_interval = [0] * len(encoding.dates.cardinalities), [0] * len(encoding.intervals.cardinalities)
    dates = encoding.dates.encode(column).tolist()
    for row, (value, who) in enumerate(zip(in_steps, entities.tolist(), strict=True)):
        last = last if who == before else None
        before = who
        if value is None:
            expected.append([NULL, *of_date, *of_interval])
        elif last is None:
            expected.append([DATE, *dates[row], *of_interval])
        else:
            interval = min(max((value - last) // per_step, -(2**63)), 2**63 - 1)
            expected.append([INTERVAL, *of_date, *encoding.intervals.encode(pa.array([interval])).tolist()[0]])
        last = last if value is None else value
    assert codes.tolist() == expected


@pytest.mark.parametrize("dtype", [*DATES, pa.timestamp("s"), pa.timestamp("ms", "Asia/Kathmandu"), pa.timestamp("ns")])
@pytest.mark.parametrize("enabled", [True, False])
def test_sequences_never_run_backwards_where_they_never_did(dtype, enabled):
    column = walks(DAY * rng(2).geometric(1 / 30, (N_SUBJECTS, N_EVENTS)) - DAY, dtype)
    assert (np.diff(by_subject(round_trip(column, enabled=enabled))) >= 0).all()
    encoding = fit(column, enabled=enabled)
    anything = encoding.decode_events(random_codes(encoding, len(ENTITIES) * 10), np.repeat(ENTITIES, 10), rng())
    present = ~anything.is_null().to_numpy(zero_copy_only=False)
    who, when = np.repeat(ENTITIES, 10)[present], units(anything)
    assert (np.diff(when)[who[1:] == who[:-1]] >= 0).all()


@pytest.mark.parametrize("dtype", [*DATES, pa.timestamp("s"), pa.timestamp("ns", "Asia/Kathmandu")])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.7])
def test_sequences_go_through_dates_that_are_known(dtype: pa.DataType, share: float):
    """And never backwards, also to and from dates that may not be shown, and where codes were drawn at random."""
    column = walks(DAY * rng(2).geometric(1 / 30, (N_SUBJECTS, N_EVENTS)) - DAY, dtype)
    encoding = fit(column)
    codes = random_codes(encoding, len(ENTITIES))
    codes[:, 0] = np.maximum(codes[:, 0], 1)
    is_known = rng(7).random(len(ENTITIES)) < share
    known = pa.array(column.to_pylist(), dtype, mask=~is_known)
    decoded = encoding.decode_events(codes, ENTITIES, rng(), known)
    assert (units(decoded)[is_known] == units(column)[is_known]).all()
    assert (np.diff(by_subject(decoded)) >= 0).all()
    if not share:
        assert decoded.equals(encoding.decode_events(codes, ENTITIES, rng()))


def test_dates_after_a_known_one_differ_from_it_by_their_intervals():
    column = walks(DAY * np.ones((N_SUBJECTS, N_EVENTS), np.int64))
    encoding = fit(column, enabled=False)
    known = pa.array([dt.datetime(2015, 5, 5), *[None] * (N_EVENTS - 1)] * N_SUBJECTS, column.type)
    decoded = encoding.decode_events(encoding.encode_events(column, ENTITIES), ENTITIES, rng(), known)
    assert decoded.to_pylist() == [dt.datetime(2015, 5, day) for day in range(5, 5 + N_EVENTS)] * N_SUBJECTS


@pytest.mark.parametrize("interval", [0, 1, 7 * DAY, 3_661, 365 * DAY])
@pytest.mark.parametrize("enabled", [True, False])
def test_constant_intervals_stay_constant(interval, enabled):
    column = walks(np.full((N_SUBJECTS, N_EVENTS), interval))
    encoding = fit(column, enabled=enabled)
    assert encoding.intervals.cardinalities == {"bin": 2}
    decoded = by_subject(round_trip(column, enabled=enabled))
    inside = (decoded < encoding._range[1]).all(axis=1)  # the last ones run into the protected end
    assert inside.mean() > 0.9
    assert (np.diff(decoded[inside]) == interval).all()
    if not enabled:
        assert inside.sum() >= N_SUBJECTS - 1
        assert (decoded == by_subject(column)).all()


def test_first_dates_are_those_of_the_data():
    column = walks(3_600 * rng(3).integers(0, 10_000, (N_SUBJECTS, N_EVENTS)))
    first = by_subject(round_trip(column, enabled=False))[:, 0]
    assert (first == by_subject(column)[:, 0]).all()


def test_intervals_are_those_of_the_data_up_to_a_part_of_a_bin():
    column = walks((DAY * rng(4).lognormal(3, 1, (N_SUBJECTS, N_EVENTS))).astype(np.int64))
    encoding = fit(column, enabled=False)
    codes = encoding.encode_events(column, ENTITIES)
    decoded = np.diff(by_subject(encoding.decode_events(codes, ENTITIES, rng())))
    real = np.diff(by_subject(column))
    edges = np.array(encoding.intervals.edges)
    width = np.diff(edges)[np.clip(np.searchsorted(edges, real, side="right") - 1, 0, len(edges) - 2)]
    inside = by_subject(encoding.decode_events(codes, ENTITIES, rng()))[:, 1:] < encoding._range[1]
    assert inside.mean() > 0.99
    assert (np.abs(decoded - real) <= width / encoding.intervals.steps + 1)[inside].all()
    quantiles = np.linspace(0.05, 0.95, 19)
    assert np.allclose(np.quantile(decoded, quantiles), np.quantile(real, quantiles), rtol=0.02)


def test_negative_intervals_come_back_where_there_are_some():
    steps = DAY * rng(5).choice([-1, 2, 3], (N_SUBJECTS, N_EVENTS))
    column = walks(steps)
    encoding = fit(column)
    assert [atom for atom in encoding.intervals.atoms if atom < 0] or min(encoding.intervals.edges) < 0
    went_back = (np.diff(by_subject(round_trip(column, enabled=False))) < 0).mean()
    assert went_back == (np.diff(by_subject(column)) < 0).mean()


def test_nulls_are_passed_over():
    day = dt.date(2020, 1, 1)
    week = [None, day, None, None, day + dt.timedelta(7), day + dt.timedelta(14), None]
    column = pa.array(week * 100 + [None] * 5, pa.date32())
    entities = np.append(np.repeat(np.arange(100), len(week)), np.full(5, 100))
    encoding = fit(column, entities, enabled=False)
    codes = encoding.encode_events(column, entities)
    assert codes[:7, 0].tolist() == [NULL, DATE, NULL, NULL, INTERVAL, INTERVAL, NULL]
    assert encoding.decode_events(codes, entities, rng()).equals(column)
    assert encoding.never_drawn(RareCategoryReplacementMethod.constant) == {"kind": []}


def test_without_nulls_none_is_drawn_and_the_zeros_of_the_other_kind_are():
    encoding = fit(walks(np.full((N_SUBJECTS, N_EVENTS), DAY)))
    assert encoding.never_drawn(RareCategoryReplacementMethod.constant) == {"kind": [NULL]}
    codes = random_codes(encoding, 500)
    codes[:, 0] = np.maximum(codes[:, 0], 1)
    assert encoding.decode_events(codes, np.arange(500) // 7, rng()).null_count == 0


@given(data=st.data())
def test_in_a_flat_table_it_means_the_same_as_datetime(data):
    column = data.draw(columns(data.draw(st.sampled_from([*DATES, *TIMESTAMPS]))))
    relative, absolute = (
        by.fit(by.summarise(column), column.type, ValueProtection(), rng()) for by in (RELATIVE, DATETIME)
    )
    assert relative.dates == absolute
    assert relative.cardinalities == absolute.cardinalities
    assert relative.never_drawn(RareCategoryReplacementMethod.constant) == absolute.never_drawn(
        RareCategoryReplacementMethod.constant
    )
    codes = absolute.encode(column)
    assert (relative.encode(column) == codes).all()
    assert relative.decode(codes, rng()).equals(absolute.decode(codes, rng()))


@given(data=st.data(), n_parts=st.integers(1, 5))
def test_any_partitioning_by_entity_gives_the_same_encoding(data, n_parts):
    column = data.draw(columns(data.draw(st.sampled_from([*DATES, *TIMESTAMPS]))))
    entities = owners(len(column), 4, 0)
    part = entities % n_parts
    parts = [
        RELATIVE.summarise(column.filter(pa.array(part == each)), entities[part == each]) for each in range(n_parts)
    ]
    merged = reduce(lambda one, other: one.merge(other), parts)
    protection = ValueProtection(enabled=data.draw(st.booleans()))
    assert RELATIVE.fit(merged, column.type, protection, rng()) == RELATIVE.fit(
        RELATIVE.summarise(column, entities), column.type, protection, rng()
    )


def test_a_summary_of_dates_alone_makes_plain_dates():
    column = walks(np.full((N_SUBJECTS, N_EVENTS), DAY))
    encoding = RELATIVE.fit(DATETIME.summarise(column, ENTITIES), column.type, ValueProtection(), rng())
    assert encoding.intervals is None
    assert encoding.cardinalities == encoding.dates.cardinalities


def test_what_64_bits_cannot_hold_is_as_long_as_they_can():
    ends = [-(2**63) + 1, 2**63 - 1, -(2**63) + 1]
    column = pa.array(ends * 100).cast(pa.timestamp("ns"))
    entities = np.repeat(np.arange(100), len(ends))
    decoded = units(round_trip(column, entities, enabled=False))
    assert decoded[:3].tolist() == [-(2**63) + 1, 0, -(2**63) + 1]
    long = fit(walks(np.full((N_SUBJECTS, N_EVENTS), 365 * DAY), pa.timestamp("ns")))
    codes = np.repeat(long.encode_events(walks(np.full((2, 2), DAY), pa.timestamp("ns")), None)[:1], 100_000, axis=0)
    codes[:, 0], codes[:, -1] = INTERVAL, 1
    forever = units(long.decode_events(codes, np.zeros(100_000, np.int64), rng()))
    assert (np.diff(forever) >= 0).all()
    assert forever[-1] == long._range[1]


# --- protection -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [31_415_926, -27_182_818, 987_654])
@pytest.mark.parametrize("holders", [1, MINIMUM_ENTITIES - 1])
def test_no_planted_interval_is_in_the_json(secret, holders):
    steps = DAY * rng(6).integers(1, 40, (N_SUBJECTS, N_EVENTS))
    steps[:holders, 3] = secret
    for seed in range(5):
        text = json.dumps(fit(walks(steps), seed=seed).model_dump(mode="json"))
        assert str(abs(secret)) not in text
        facts = fit(walks(steps), seed=seed).intervals
        shown = [*facts.atoms, *facts.edges]
        assert min(shown) >= 0
        assert max(shown) <= 40 * DAY


def test_one_subject_with_a_thousand_intervals_is_one():
    column = pa.concat_arrays(
        [walks(DAY * rng(7).integers(1, 9, (N_SUBJECTS, N_EVENTS))), walks(np.full((1, 1_000), 77))]
    )
    entities = np.append(ENTITIES, np.full(1_000, N_SUBJECTS))
    for seed in range(5):
        intervals = fit(column, entities, seed=seed).intervals
        assert 77 not in [*intervals.atoms, *intervals.edges]


def test_too_few_sequences_show_no_interval():
    steps = DAY * rng(8).integers(1, 9, (N_SUBJECTS, 1))
    column = pa.concat_arrays([walks(steps), walks(np.full((MINIMUM_ENTITIES - 1, 50), DAY))])
    entities = np.append(np.arange(N_SUBJECTS), N_SUBJECTS + np.repeat(np.arange(MINIMUM_ENTITIES - 1), 50))
    encoding = fit(column, entities)
    assert encoding.intervals is None
    assert encoding.dates.any_values
