"""Figures of the benchmark of sequences: by hand on a few events, and against the process with known answer."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.coherence import (
    coherence_figures,
    length_figures,
    lengths_of,
    never_backwards,
    stays,
    transition_distance,
)
from tests.sequences.known_process import make_process


def events(**subjects: str) -> pd.DataFrame:
    """Events of subjects in turn, one letter each; a blank is a gap. `at` is the place in the alphabet."""
    rows = [
        (name, None if letters[place] == " " else letters[place])
        for place in range(max(map(len, subjects.values())))
        for name, letters in subjects.items()
        if place < len(letters)
    ]
    frame = pd.DataFrame(rows, columns=["who", "what"])
    return frame.assign(at=frame["what"].map(ord, na_action="ignore"))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (events(x="abab"), events(x="ab", y="baba"), 0.0),
        (events(x="aa", y="ab"), events(x="aa", y="aa"), 0.5),
        (events(x="aa", y="bb"), events(x="ab", y="ba"), 1.0),
        (events(x="ab", y="a"), events(x="ab", y="ca"), 0.5),  # nothing is known of what comes after c
        (events(x="a "), events(x="ab"), 1.0),  # a gap is a value
        (events(x="a"), events(x="ab"), 1.0),
    ],
)
def test_distance_of_transitions(one: pd.DataFrame, other: pd.DataFrame, expected: float):
    assert transition_distance(one, other, "who", "what") == pytest.approx(expected)


def test_what_stays_and_what_runs_backwards():
    frame = events(x="aab", y="ba", z="c")
    assert stays(frame, "who", "what") == pytest.approx(1 / 3)
    assert never_backwards(frame, "who", "at") == pytest.approx(1 / 2)  # z has no step at all


def test_lengths_count_those_without_events():
    lengths = lengths_of(events(x="aab", y="ba")["who"], 4)
    assert sorted(lengths) == [0, 0, 2, 3]
    with pytest.raises(ValueError, match="at most 1 subjects, found 2"):
        lengths_of(events(x="aab", y="ba")["who"], 1)
    found = length_figures(lengths, np.array([0, 1, 2, 2]))
    assert found == {
        "total_variation": pytest.approx(0.5),
        "shares": {"0": [0.5, 0.25], "1": [0.0, 0.25], "2": [0.25, 0.5]},
        "mean": [1.25, 1.25],
        "longest": [3, 2],
    }


def test_two_samples_of_one_process_are_near_and_a_shuffled_one_is_not():
    one, other = make_process(2_000, 0), make_process(2_000, 1)
    shuffled = one.events.sample(frac=1, random_state=0)
    near, far = (
        coherence_figures(each, other.events, "owner", (2_000, 2_000), ["state"], "at")
        for each in (one.events, shuffled)
    )
    assert near["transitions"]["state"] < 0.04
    assert far["transitions"]["state"] > 0.1
    assert near["never_backwards"] == [1, 1]
    assert far["never_backwards"][0] < 0.5
    assert near["lengths"]["total_variation"] < 0.05
