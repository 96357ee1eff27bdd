"""Relative dates while they are drawn: the first one of a sequence is a date, and no interval leads beyond the range.

What the codes of earlier events come to is known only while they are drawn, so a mask keeps count. Without it one in
nine dates of a shop's orders would be clipped to the last day, as small errors of intervals add up.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synth_engine.encodings import Encoding
from synth_engine.encodings.datetime_relative import DATE, INTERVAL, KINDS, DatetimeRelativeEncoding
from synth_engine.tabular.interventions import Seen
from synth_engine.tabular.layout import Layout

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class WithinRange:
    """Which kinds and intervals an event may have after those before it. See `sequences.sampler.Following`.

    Codes stand for the middle of what they may mean, so dates may pass the end by a part of an interval, and are then
    clipped.

    Guarantees: a sequence has an interval only after a date; where there is an interval short enough to stay inside
    the range, such a one is drawn; in every row a code is left that may be drawn.

    Args:
        encoding: Of the column.
        places: Of its sub-columns in the code matrix.
        is_first_E: Which events begin a sequence.
    """

    def __init__(self, encoding: DatetimeRelativeEncoding, places: list[int], is_first_E: Mask) -> None:
        assert encoding.intervals is not None
        self._encoding, self._places, self._is_first = encoding, places, is_first_E
        self._interval = places[1 + len(encoding.dates.cardinalities)]
        n_codes = next(iter(encoding.intervals.cardinalities.values()))
        codes = np.zeros((n_codes, len(places)), np.int32)
        codes[:, self._interval - places[0]] = np.arange(n_codes)
        self._interval_of_code = encoding.typical(codes)[1]
        self._reached = np.zeros(len(is_first_E), np.int64)
        # Whether a date was reached, and whether that is worked out.
        self._has_date, self._is_done = (np.zeros(len(is_first_E), np.bool_) for _ in range(2))
        self._codes: npt.NDArray[np.int32] | None = None

    def follow(self, codes_EK: Tensor) -> None:
        """The codes of all events, as they are filled in."""
        self._codes = codes_EK.numpy()

    def allowed(self, k: int, seen: Seen) -> Tensor | None:
        """Boolean (B, codes of ``k``)."""
        if k not in (self._places[0], self._interval):
            return None
        index = seen.index.cpu().numpy()
        before = np.maximum(index - 1, 0)
        self._work_out(before[~self._is_first[index]])
        has_date = self._has_date[before] & ~self._is_first[index]
        if k == self._places[0]:
            fits = np.ones((len(index), KINDS), np.bool_)
            fits[:, DATE], fits[:, INTERVAL] = ~has_date, has_date
        else:
            fits = self._short_enough(has_date, self._encoding.last - self._reached[before])
        return torch.from_numpy(fits).to(seen.index.device)

    def _short_enough(self, has_date: Mask, room: Integers) -> Mask:
        fits = ~has_date[:, None] | (self._interval_of_code <= room[:, None])
        fits[:, self._interval_of_code.argmin()] = True
        return fits

    def _work_out(self, events: Integers) -> None:
        """How far these events reach; those before them first."""
        waiting = [events[~self._is_done[events]]]
        while len(waiting[-1]):
            earlier = waiting[-1][~self._is_first[waiting[-1]]] - 1
            waiting.append(earlier[~self._is_done[earlier]])
        for some in reversed(waiting):
            self._add(some)

    def _add(self, events: Integers) -> None:
        if not len(events):
            return
        assert self._codes is not None
        codes = self._codes[events][:, self._places]
        date, interval = self._encoding.typical(codes)
        before = np.maximum(events - 1, 0)
        had_date = self._has_date[before] & ~self._is_first[events]
        is_present = codes[:, 0] != 0
        reached = np.where(had_date, self._reached[before] + np.where(is_present, interval, 0), date)
        self._reached[events], self._has_date[events] = reached, had_date | is_present
        self._is_done[events] = True


def within_ranges(columns: Mapping[str, Encoding], layout: Layout, lengths: Integers) -> list[WithinRange]:
    """Masks of all relative dates of events, for subjects with so many events each."""
    is_first = np.zeros(int(lengths.sum()), np.bool_)
    is_first[(np.cumsum(lengths) - lengths)[lengths > 0]] = True
    return [
        WithinRange(encoding, layout.places(name), is_first)
        for name, encoding in columns.items()
        if isinstance(encoding, DatetimeRelativeEncoding) and encoding.intervals is not None
    ]
