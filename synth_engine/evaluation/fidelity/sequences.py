"""Events of subjects: how many there are, how each follows the one before, and what never changes.

Belongs here: figures on the events of each subject. Does not belong here: figures on events as single rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from synth_engine.evaluation.classes import CodedColumns, Ranges
from synth_engine.evaluation.columns import Comparable, Floats, Places, entries_of, numbers_of, values_of
from synth_engine.evaluation.fidelity.counts import N_GROUPS, GroupedRows, Groups, accuracy, score, shares, without_each
from synth_engine.evaluation.fidelity.results import ColumnOfSequence, Rows, Score, SequenceFidelity, Shares
from synth_engine.evaluation.fidelity.samples import HOLDOUT, NAMES, SYNTHETIC, TRAINING

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Events:
    """The rows of one table, subject by subject, in order.

    Args:
        of_row: Number of the subject of each row, from 0, without gaps; shape (rows,).
        groups: Group of each subject, shape (subjects,).
    """

    of_row: Places
    groups: Groups

    @property
    def n_subjects(self) -> int:
        """Number of subjects."""
        return len(self.groups)

    @property
    def lengths(self) -> Places:
        """Rows of each subject."""
        return np.bincount(self.of_row, minlength=self.n_subjects)

    @property
    def followers(self) -> Places:
        """Places of the rows that follow another one of the same subject."""
        return 1 + np.flatnonzero(self.of_row[1:] == self.of_row[:-1])

    @property
    def group_of_row(self) -> Groups:
        """Group of each row's subject."""
        return self.groups[self.of_row]


Both = tuple[Floats, Floats]
"""A figure of synthetic and of held-out events, each of shape (1 + groups,)."""


def sequence_fidelity(
    tables: Comparable, coded: CodedColumns, events: Mapping[str, Events]
) -> tuple[SequenceFidelity, Both | None]:
    """All figures on sequences, and coherence once more, without each group.

    Args:
        tables: The rows compared, in the order of `events`.
        coded: The same as classes.
        events: Whose each row is, by table.
    """
    n = {name: events[name].n_subjects for name in NAMES}
    n_subjects = min(n.values())
    changes = {
        column: {name: _Changes.of(tables, name, column, events[name]) for name in NAMES} for column in coded.names
    }
    transitions = [_transitions(coded, events, column) for column in range(len(coded.names))]
    coherence: list[Score | None] = [each and score(*each, n_subjects) for each in transitions]
    known = [each for each in transitions if each is not None]
    mean: Both | None = (
        (np.mean([each[0] for each in known], 0), np.mean([each[1] for each in known], 0)) if known else None
    )
    stays = {name: _stacked([of[name].stays for of in changes.values()]) for name in NAMES}
    constant = {name: _stacked([of[name].constant for of in changes.values()]) for name in NAMES}
    found = SequenceFidelity(
        subjects=Rows(**n),
        lengths=_length_score(events, n_subjects),
        mean_length=Shares(**{name: float(events[name].lengths.mean()) for name in NAMES}),
        coherence=score(*mean, n_subjects) if mean else None,
        stays=_nearness(stays, n_subjects) if known else None,
        constancy=_nearness(constant, n_subjects) if known else None,
        columns={
            name: ColumnOfSequence(
                coherence=coherence[place],
                stays=Shares(**{called: float(stays[called][place, 0]) for called in NAMES}),
                constant=Shares(**{called: float(constant[called][place, 0]) for called in NAMES}),
            )
            for place, name in enumerate(coded.names)
        },
    )
    return found, mean


def _length_score(events: Mapping[str, Events], n_subjects: int) -> Score:
    ranges = Ranges.of(events[TRAINING].lengths.astype(np.float64))
    found = {}
    for name in NAMES:
        codes = ranges.code(events[name].lengths.astype(np.float64))
        found[name] = shares(GroupedRows(codes[None], events[name].groups).counts([0], [ranges.size]))
    return score(accuracy(found[SYNTHETIC], found[TRAINING]), accuracy(found[HOLDOUT], found[TRAINING]), n_subjects)


def _transitions(coded: CodedColumns, events: Mapping[str, Events], column: int) -> Both | None:
    """Accuracy of pairs of successive classes; None where a table has no successive events."""
    found = {}
    for name in NAMES:
        after = events[name].followers
        if not len(after):
            return None
        codes = coded.tables[name][column]
        both = GroupedRows(np.stack([codes[after - 1], codes[after]]), events[name].group_of_row[after])
        found[name] = shares(both.counts([0, 1], [coded.sizes[column]] * 2))
    return accuracy(found[SYNTHETIC], found[TRAINING]), accuracy(found[HOLDOUT], found[TRAINING])


@dataclass(frozen=True, eq=False)
class _Changes:
    """Shares of values that stay and of subjects that are constant, each of shape (1 + groups,)."""

    stays: Floats
    constant: Floats

    @classmethod
    def of(cls, tables: Comparable, name: str, column: str, events: Events) -> "_Changes":
        after = events.followers
        is_same = _equals_before(tables.tables[name].columns[column])[after]
        changed = np.zeros(events.n_subjects, np.bool_)
        changed[events.of_row[after][~is_same]] = True
        several = events.lengths > 1
        return cls(
            _share(is_same, events.group_of_row[after]),
            _share(~changed[several], events.groups[several]),
        )


def _share(is_so: Mask, groups: Groups) -> Floats:
    """Share of those of which something is true, and without each group."""
    true, every = (without_each(np.bincount(some, minlength=N_GROUPS)) for some in (groups[is_so], groups))
    found: Floats = true / np.where(every > 0, every, 1)
    return found


def _equals_before(values: pa.Array) -> Mask:
    """Whether each value is exactly that of the row before; null equals null. The first is not."""
    if values_of(values.type) in ("nulls", "text", "bytes", "truth values"):
        found = entries_of(values)[1].astype(np.float64)
    else:
        found = numbers_of(values)
    same = np.zeros(len(found), np.bool_)
    same[1:] = (found[1:] == found[:-1]) | (np.isnan(found[1:]) & np.isnan(found[:-1]))
    return same


def _stacked(rows: list[Floats]) -> Floats:
    return np.stack(rows) if rows else np.empty((0, 1))


def _nearness(of: Mapping[str, Floats], n_subjects: int) -> Score:
    """One minus the mean absolute difference from the training rows, over columns."""
    away = {name: np.abs(of[name] - of[TRAINING]).mean(0) for name in (SYNTHETIC, HOLDOUT)}
    return score(1 - away[SYNTHETIC], 1 - away[HOLDOUT], n_subjects)
