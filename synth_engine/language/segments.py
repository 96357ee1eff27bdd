"""Token ids of many texts, and of what stands between them.

Belongs here: ids as they are kept. Does not belong here: how texts become ids (`vocabulary`), and which of them stand
together (`records`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import torch
from torch import Tensor

Ids = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Segments:
    """Token ids of N texts, one after the other.

    Args:
        ids: All of them, int32.
        offsets: Where those of each text begin, and where the last ones end: int64, (N + 1,).

    >>> segments = Segments.of([[5, 6], [], [7]])
    >>> segments.offsets.tolist(), segments.lists()
    ([0, 2, 2, 3], [[5, 6], [], [7]])
    """

    ids: Tensor
    offsets: Tensor

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]]) -> "Segments":
        """The ids of these texts."""
        lengths = torch.tensor([0, *map(len, lists)], dtype=torch.int64)
        return cls(torch.tensor(list(chain.from_iterable(lists)), dtype=torch.int32), lengths.cumsum(0))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Tensor:
        """Number of tokens of each text."""
        return self.offsets.diff()

    def lists(self) -> list[list[int]]:
        """Inverse of `of`."""
        ids, offsets = self.ids.tolist(), self.offsets.tolist()
        return [ids[start:end] for start, end in pairwise(offsets)]

    def take(self, rows: Tensor) -> "Segments":
        """Those of some texts, in this order; one may be there several times."""
        lengths = self.lengths[rows]
        ends = lengths.cumsum(0)
        text_E = torch.repeat_interleave(lengths)
        place_E = torch.arange(len(text_E), device=rows.device) + (self.offsets[:-1][rows] - (ends - lengths))[text_E]
        return Segments(self.ids[place_E], torch.nn.functional.pad(ends, (1, 0)))

    def to(self, device: torch.device) -> "Segments":
        """The same on another device."""
        return Segments(self.ids.to(device), self.offsets.to(device))


def joined(parts: Sequence[Segments]) -> Segments:
    """One behind the other.

    >>> joined([Segments.of([[1], [2, 3]]), Segments.of([[4]])]).lists()
    [[1], [2, 3], [4]]
    """
    lengths = torch.cat([part.lengths for part in parts])
    return Segments(torch.cat([part.ids for part in parts]), torch.nn.functional.pad(lengths.cumsum(0), (1, 0)))


@dataclass(frozen=True)
class Wording:
    """Token ids of all that is the same in every record.

    A record is ``begin name value between name value ... end``. Where there is a context, its object stands before
    that: ``prompt_begin name value prompt_between name value ... prompt_end``.

    Args:
        prompt_begin: ``{`` of the context's object; empty without context.
        prompt_names: ``"name": `` of each context column.
        prompt_between: ``, `` after each value of the context but the last.
        prompt_end: ``}`` after that, and a line feed.
        begin: ``{`` of the record. The very first token of a text may be a token for that.
        names: ``"name": `` of each target column.
        between: ``, `` after each value but the last.
        end: ``}`` after that.
    """

    prompt_begin: Ids
    prompt_names: tuple[Ids, ...]
    prompt_between: Ids
    prompt_end: Ids
    begin: Ids
    names: tuple[Ids, ...]
    between: Ids
    end: Ids
