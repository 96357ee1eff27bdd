"""Which subjects and rows go into which partition file. Indices only; knows no tables and no files."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from synth_engine.domain.randomness import generator
from synth_engine.stages.relations import Integers, Subjects
from synth_engine.workspace.artefacts import TRAINING


@dataclass(frozen=True, eq=False)
class Division:
    """Subjects in a random order, divided into training and validation, and each of these evenly into partitions.

    Guarantees: every subject is in one file, and so are its rows, next to each other in their original order.

    Args:
        order: Index of the subject that comes first, second and so on: first those for training.
        n_training: How many these are.
        grouped: Index of the row that comes first, second and so on.
        offsets: Where the rows of each subject begin in `grouped`, and where the last ones end.
        n_partitions: Number of files of each role.
    """

    order: Integers
    n_training: int
    grouped: Integers
    offsets: Integers
    n_partitions: int

    @classmethod
    def of(cls, n_rows: int, subjects: Subjects | None, share: float, n_partitions: int, seed: int) -> Self:
        """Shuffle and divide.

        Args:
            n_rows: Number of rows.
            subjects: Whom they belong to; None where each is a subject of its own.
            share: Share of subjects for training.
            n_partitions: Number of files of each role.
            seed: Of the shuffle.
        """
        n_subjects = n_rows if subjects is None else subjects.size
        order = generator(seed, "split").permutation(n_subjects)
        # Up, so that a single one is there to learn from; but not for what floating point adds to 0.55 * 100.
        n_training = int(np.ceil(np.round(n_subjects * share, 6)))
        if subjects is None:
            return cls(order, n_training, order, np.arange(n_subjects + 1), n_partitions)
        reordered, rows = subjects.reordered(order)
        return cls(order, n_training, rows, reordered.offsets, n_partitions)

    def subjects(self, part: int, role: str) -> Integers:
        """Indices of the subjects of a file."""
        return self.order[self._places(part, role)]

    def rows(self, part: int, role: str) -> Integers:
        """Indices of the rows of a file, subject by subject."""
        places = self._places(part, role)
        return self.grouped[self.offsets[places.start] : self.offsets[places.stop]]

    def _places(self, part: int, role: str) -> slice:
        start, stop = (0, self.n_training) if role == TRAINING else (self.n_training, len(self.order))
        size, more = divmod(stop - start, self.n_partitions)  # the first ones get one more
        first = start + part * size + min(part, more)
        return slice(first, first + size + (part < more))
