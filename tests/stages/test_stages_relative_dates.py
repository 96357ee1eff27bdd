"""Dates of events as intervals: AUTO, and how they stay in order and inside their range while they are drawn."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from synth_engine.domain import ModelEncodingType
from synth_engine.encodings.auto import Auto
from synth_engine.encodings.datetime_relative import DATE, INTERVAL, DatetimeRelativeEncoding
from synth_engine.privacy import ValueProtection
from synth_engine.stages.generating.relative_dates import WithinRange

N_SUBJECTS, N_EVENTS = 60, 8


def fitted(steps: np.ndarray, kind=Auto):
    """Encoding of dates that are so many days apart, (subjects, events), and these dates."""
    days = 10_000 + np.arange(len(steps))[:, None] + np.cumsum(steps, 1)
    values = pa.array(days.ravel().astype("datetime64[D]"))
    entities = np.repeat(np.arange(len(steps)), steps.shape[1])
    counts = kind.summarise(values, entities)
    encoding = kind.fit(counts, values.type, ValueProtection(enabled=False), np.random.default_rng(0))
    return encoding, values, entities


def steps_of(low: int, high: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, (N_SUBJECTS, N_EVENTS))


def test_auto_takes_intervals_where_none_leads_back_and_dates_elsewhere():
    assert fitted(steps_of(0, 9))[0].type == ModelEncodingType.TABULAR_DATETIME_RELATIVE
    assert fitted(steps_of(-3, 9))[0].type == ModelEncodingType.TABULAR_DATETIME
    assert fitted(steps_of(0, 9)[:, :1])[0].type == ModelEncodingType.TABULAR_DATETIME


def test_auto_does_not_mind_the_few_who_went_back():
    steps = steps_of(1, 9)
    steps[0, 3] = -2
    days = (10_000 + np.cumsum(steps, 1)).ravel().astype("datetime64[D]")
    values, entities = pa.array(days), np.repeat(np.arange(N_SUBJECTS), N_EVENTS)
    encoding = Auto.fit(Auto.summarise(values, entities), values.type, ValueProtection(), np.random.default_rng(1))
    assert isinstance(encoding, DatetimeRelativeEncoding)
    decoded = encoding.decode_events(encoding.encode_events(values, entities), entities, np.random.default_rng(2))
    assert (pd.Series(decoded.cast(pa.int32()).to_numpy()).groupby(entities).diff().dropna() >= 0).all()


class Seen:
    """Some events."""

    def __init__(self, index: list[int]) -> None:
        self.index = torch.tensor(index)

    def codes(self, k: int) -> torch.Tensor:
        raise AssertionError("the mask knows events by the codes of all")


def mask_for(encoding, lengths: list[int]) -> tuple[WithinRange, torch.Tensor, int]:
    """A mask, the codes that it follows, and the first sub-column of intervals."""
    is_first = np.zeros(sum(lengths), np.bool_)
    is_first[np.cumsum([0, *lengths[:-1]])] = True
    places = list(range(len(encoding.cardinalities)))
    mask = WithinRange(encoding, places, is_first)
    codes = torch.zeros(sum(lengths), len(places), dtype=torch.int32)
    mask.follow(codes)
    return mask, codes, 1 + len(encoding.dates.cardinalities)


def test_a_sequence_begins_with_a_date_and_goes_on_with_intervals():
    encoding = fitted(steps_of(0, 9))[0]
    mask, codes, _ = mask_for(encoding, [2, 2])
    assert mask.allowed(0, Seen([0, 2]))[:, [DATE, INTERVAL]].tolist() == [[True, False]] * 2
    codes[0, 0], codes[2, 0] = DATE, 0  # the second sequence begins with null
    codes[0, 1] = 1
    assert mask.allowed(0, Seen([1, 3]))[:, [DATE, INTERVAL]].tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("asked_at_every_event", [True, False])
def test_intervals_that_lead_beyond_the_last_date_are_not_drawn(asked_at_every_event):
    encoding, values, entities = fitted(steps_of(3, 30))
    mask, codes, first = mask_for(encoding, [N_EVENTS] * N_SUBJECTS)
    true = torch.from_numpy(encoding.encode_events(values, entities))
    n_codes = encoding.intervals.cardinalities["bin"]
    longest = encoding.intervals.extent(np.arange(1, n_codes)[:, None])[1].to_numpy()  # without that of null
    for step in range(N_EVENTS):
        index = [subject * N_EVENTS + step for subject in range(N_SUBJECTS)]
        if step and (asked_at_every_event or step == N_EVENTS - 1):
            allowed = mask.allowed(first, Seen(index)).numpy()[:, 1:]
            reached = values.take(pa.array(np.array(index) - 1)).cast(pa.int32()).to_numpy()
            room = encoding.last - reached
            for row in range(N_SUBJECTS):
                assert allowed[row].any()
                assert allowed[row][longest <= room[row]].all()
                # one is left even where there is no room: then it is the shortest
                too_long = longest > room[row] + 5
                assert allowed[row][too_long].sum() <= (not (longest <= room[row]).any())
        codes[index] = true[index]
