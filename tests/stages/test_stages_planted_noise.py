"""Attacks on differential privacy: traces of a person's values, with and without the person, over many draws of noise.

Noise can look like a trace: any year, digit or square of the earth may seem to be in use. So the question is how much
oftener the trace of a plant is there with the person than without: (ε, δ)-differential privacy says ``P(trace with) <=
exp(ε) P(trace without) + δ``, and the same of its absence. Traces in texts never are there, whatever the noise: see
`test_stages_planted`.
"""

import json
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pytest

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import detect, fitter
from synth_engine.privacy import Budget, ValueProtection, seeded_source
from synth_engine.stages.lengths import SequenceLengths
from tests.privacy.bounds import FAILURE
from tests.privacy.empirical import least_epsilon_of
from tests.stages.plants import LENGTHS, RELATED_PLANTS, VISITED, Plant, one_line, related, tells

# Of a column. With so many runs, what is always there with the person and not once without refutes it.
EPSILON, DELTA = 0.3, 1e-6
RUNS = 40
Publish = Callable[[Budget | None], str]

by_plant = pytest.mark.parametrize(
    "plant", [plant for plant in RELATED_PLANTS if plant.is_known], ids=lambda plant: plant.name
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def column(plant: Plant, with_person: bool) -> tuple[pa.Array, np.ndarray | None]:
    """The column and whose the rows are; None where everyone has one. The person who holds the secret is the last."""
    if plant is not VISITED:
        values = plant.column()
        return (values if with_person else values[:-1]), None
    events, subjects = related()
    owners = events["owner"].to_numpy()
    keep = pa.array(owners < subjects.num_rows - (0 if with_person else 1))
    return events["visited"].combine_chunks().filter(keep), owners[keep.to_numpy(zero_copy_only=False)]


def publishing(plant: Plant, with_person: bool) -> Publish:
    """What analysis makes of the column with a budget, encoding and spends; without one, of the values as they are."""
    values, owners = column(plant, with_person)
    open_to_all = ValueProtection(enabled=False)
    if plant is LENGTHS:
        counts = SequenceLengths.summarise(values.to_numpy())

        def fit(budget: Budget | None):
            return SequenceLengths.fit(
                SequenceLengths.release(counts, budget) if budget else counts, open_to_all, rng()
            )
    else:
        kind = Kind(plant.encoding)
        by = fitter(detect(values.type) if kind == Kind.AUTO else kind)
        counts = by.summarise(values, owners)

        def fit(budget: Budget | None):
            released = by.release(counts, values.type, budget) if budget else counts
            return by.fit(released, values.type, open_to_all, rng())

    def publish(budget: Budget | None) -> str:
        facts = [fit(budget).model_dump(mode="json"), *(asdict(spend) for spend in (budget.spends if budget else []))]
        return one_line(json.dumps(facts, indent=1, ensure_ascii=False))

    return publish


def tells_of(plant: Plant, published: str) -> bool:
    return tells(published, plant.traces + plant.own_traces)


def traces(plant: Plant, with_person: bool) -> np.ndarray:
    """Whether the plant's trace is there, for each of many runs. No two have the same seed, with and without."""
    publish = publishing(plant, with_person)
    sources = (seeded_source(rng(2 * run + with_person)) for run in range(RUNS))
    published = [publish(Budget(EPSILON, DELTA, source, records=len(plant.column()))) for source in sources]
    return np.array([tells_of(plant, text) for text in published])


def refuted(with_person: np.ndarray, without: np.ndarray) -> float:
    """The epsilon that the trace or its absence refutes."""
    events = ((with_person, without), (~without, ~with_person))
    return max(least_epsilon_of(one, other, DELTA, FAILURE / 2) for one, other in events)


@by_plant
def test_a_trace_is_there_no_oftener_with_the_person_than_epsilon_allows(plant: Plant):
    assert refuted(traces(plant, with_person=True), traces(plant, with_person=False)) <= EPSILON


@by_plant
def test_a_trace_that_is_always_there_would_be_noticed(plant: Plant):
    """Published as they are, values tell of the person, and of nobody else."""
    found, found_without = (
        np.full(RUNS, tells_of(plant, publishing(plant, with_person)(None))) for with_person in (True, False)
    )
    assert found.all()
    assert not found_without.any()
    assert refuted(found, found_without) > EPSILON
    # And still, where in some runs noise looks like the trace.
    found_without[:2] = True
    assert refuted(found, found_without) > EPSILON
