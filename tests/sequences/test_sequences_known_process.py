"""The process with known answer keeps its own laws, and whatever breaks one of them is found."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tests.sequences.known_process import (
    N_FIGURES,
    TRENDS,
    Sample,
    broken,
    by_chance,
    distances,
    drifts,
    make_process,
    make_subjects,
)

Change = Callable[[Sample, np.random.Generator], Sample]


@pytest.mark.parametrize("seed", range(20))
def test_a_sample_keeps_all_laws(seed: int):
    """Fails with a probability of at most 1e-6 per seed; seeds are fixed."""
    sample = make_process(500, seed)
    found = distances(sample)
    assert len(found) == N_FIGURES
    for name, distance in found.items():
        assert 0 < distance.value <= distance.by_chance, name
    assert set(broken(sample).values()) == {0.0}


def test_distances_vanish_as_samples_grow():
    """So they are those to the very laws that samples are drawn by."""
    found = distances(make_process(40_000, 0))
    assert max(distance.value for distance in found.values()) < 0.025


def test_levels_drift_as_the_trend_says():
    assert drifts(make_process(20_000, 0)) == pytest.approx(TRENDS, abs=0.03)


def test_the_same_seed_makes_the_same_process():
    one, other, another = make_process(50, 1), make_process(50, 1), make_process(50, 2)
    pd.testing.assert_frame_equal(one.subjects, other.subjects)
    pd.testing.assert_frame_equal(one.events, other.events)
    pd.testing.assert_frame_equal(one.subjects, make_subjects(50, 1))
    assert not one.events.equals(another.events)


def test_some_subjects_have_no_events_and_events_of_others_lie_between():
    sample = make_process(200, 0)
    assert not sample.subjects["id"].isin(sample.events["owner"]).all()
    assert (sample.events["owner"] != sample.events["owner"].shift()).mean() > 0.9


def _with_events(sample: Sample, **columns: object) -> Sample:
    return Sample(sample.subjects, sample.events.assign(**columns))


def _shuffled_within(sample: Sample, rng: np.random.Generator) -> Sample:
    return Sample(sample.subjects, sample.events.sample(frac=1, random_state=rng))


def _other_attribute(name: str) -> Change:
    def change(sample: Sample, rng: np.random.Generator) -> Sample:
        subjects = sample.subjects.assign(**{name: rng.permutation(sample.subjects[name])})
        return Sample(subjects, sample.events)

    return change


def _shuffled(name: str) -> Change:
    """All values of a column among all events: its distribution stays, what it depends on goes."""

    def change(sample: Sample, rng: np.random.Generator) -> Sample:
        return _with_events(sample, **{name: rng.permutation(sample.events[name])})

    return change


def _cut_off(sample: Sample, _: np.random.Generator) -> Sample:
    """No more than four events of each subject."""
    return Sample(sample.subjects, sample.events[sample.events.groupby("owner").cumcount() < 4])


def _later(sample: Sample, _: np.random.Generator) -> Sample:
    return _with_events(sample, at=sample.events["at"] + np.timedelta64(90, "D"))


def _higher(sample: Sample, _: np.random.Generator) -> Sample:
    return _with_events(sample, level=sample.events["level"] + 3)


CHANGES: list[tuple[str, Change, set[str], set[str]]] = [
    ("order", _shuffled_within, {"transitions", "intervals", "steps"}, {"dates run backwards"}),
    ("kinds", _other_attribute("kind"), {"lengths", "first states", "transitions", "intervals"}, {"regular length"}),
    ("trends", _other_attribute("trend"), {"steps"}, set()),
    ("states", _shuffled("state"), {"first states", "transitions"}, set()),
    ("dates", _shuffled("at"), {"intervals"}, {"dates run backwards", "regular interval"}),
    ("tags", _shuffled("tag"), set(), {"tag"}),
    ("levels", _shuffled("level"), {"steps"}, set()),
    ("lengths", _cut_off, {"lengths"}, {"regular length"}),
    ("later", _later, {"starts"}, set()),
    ("higher", _higher, {"first levels"}, set()),
]


@pytest.mark.parametrize(("change", "far", "never"), [each[1:] for each in CHANGES], ids=[each[0] for each in CHANGES])
def test_what_breaks_a_law_is_found(change: Change, far: set[str], never: set[str]):
    sample = change(make_process(1_000, 0), np.random.default_rng(0))
    found = distances(sample)
    assert {name for name in far if found[name].value <= found[name].by_chance} == set()
    shares = {name.removesuffix(" is another"): share for name, share in broken(sample).items()}
    assert all(shares[name] > 0.1 for name in never)


@pytest.mark.parametrize("values", [{"state": "z"}, {"state": None}, {"level": np.nan}, {"tag": None}], ids=repr)
def test_outcomes_that_cannot_be_are_far_from_every_law(values: dict[str, object]):
    found = distances(_with_events(make_process(300, 0), **values))
    names = {"state": ["first states", "transitions"], "level": ["first levels", "steps"], "tag": ["tags"]}
    for name in names[next(iter(values))]:
        assert found[name].value == pytest.approx(1), name


def test_events_of_nobody_are_found():
    sample = make_process(100, 0)
    few = Sample(sample.subjects.iloc[:50], sample.events)
    assert broken(few)["nobody's"] > 0.3


def test_no_events_are_far_from_the_law_of_lengths():
    sample = make_process(400, 0)
    found = distances(Sample(sample.subjects, sample.events.iloc[:0]))["lengths"]
    assert found.value > found.by_chance


def test_chance_does_as_much_as_is_said():
    """With one draw anything may be; with more, less and less, like the square root; more outcomes allow for more."""
    assert by_chance(0, 1, 2) == by_chance(1, 1, 2) == 1
    assert by_chance(40_000, 3, 4) == pytest.approx(by_chance(10_000, 3, 4) / 2)
    assert by_chance(10_000, 3, 4) < by_chance(10_000, 6, 4) < by_chance(10_000, 6, 12)
