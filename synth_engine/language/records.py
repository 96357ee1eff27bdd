"""Records as token ids, put together from ready-made segments in any column order."""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from synth_engine.language.segments import Segments, Wording, joined


class Batch(NamedTuple):
    """Some records, filled up at the right.

    Args:
        tokens_BT: Their ids, int64; zero where a record has ended.
        is_judged_BT: Which of them a loss is of: those of the target's values, and what stands right behind a value,
            since that is how a value ends. The first token is never judged; that at place ``t`` is by the logits at
            ``t - 1``.
        lengths_B: Numbers of tokens.
    """

    tokens_BT: Tensor
    is_judged_BT: Tensor
    lengths_B: Tensor


@dataclass(frozen=True, eq=False)
class Records:
    """Literals of N records as ids, and the wording around them.

    Args:
        context: Literals of each context column; may be empty.
        target: Literals of each target column.
        wording: What stands between them.
    """

    context: tuple[Segments, ...]
    target: tuple[Segments, ...]
    wording: Wording
    _texts: Segments = field(init=False, repr=False)
    _first_value: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        assert len(self.context) == len(self.wording.prompt_names), "expected as many context columns as names of them"
        assert len(self.target) == len(self.wording.names) > 0, "expected as many target columns as names, at least one"
        assert len({len(each) for each in (*self.context, *self.target)}) == 1, "expected columns of the same length"
        fixed = Segments.of(_fixed_texts(self.wording)).to(self.device)
        object.__setattr__(self, "_first_value", len(fixed))
        object.__setattr__(self, "_texts", joined([fixed, *self.context, *self.target]))

    def __len__(self) -> int:
        return len(self.target[0])

    @property
    def device(self) -> torch.device:
        """Where the ids lie."""
        return self.target[0].ids.device

    @property
    def n_columns(self) -> int:
        """Number of target columns."""
        return len(self.target)

    def to(self, device: torch.device) -> "Records":
        """The same on another device."""
        context, target = (tuple(each.to(device) for each in part) for part in (self.context, self.target))
        return Records(context, target, self.wording)

    def lengths(self) -> Tensor:
        """Number of tokens of every record, (N,). It does not depend on the order of columns."""
        rows = torch.arange(len(self), device=self.device)
        natural = torch.arange(self.n_columns, device=self.device)
        return self._texts.lengths[self._pieces(rows, natural.expand(len(self), -1))].sum(1)

    def judged_counts(self, size: int) -> Tensor:
        """How often each of `size` ids is judged in all records, (V,), int64. It says much of the records.

        Args:
            size: Number of ids of the vocabulary.
        """
        wording, n = self.wording, len(self)
        counts = torch.bincount(torch.cat([column.ids for column in self.target]), minlength=size)
        for ids, times in ((wording.between, n * (self.n_columns - 1)), (wording.end, n)):
            counts += times * torch.bincount(torch.tensor(ids, dtype=torch.long, device=self.device), minlength=size)
        return counts

    def batch(self, rows: Tensor, orders_BC: Tensor) -> Batch:
        """Some records, each in its own order of target columns.

        Args:
            rows: Which records, (B,); one may be there several times.
            orders_BC: Place of every target column in each record: the one with the smallest place is first.
        """
        pieces_BP = self._pieces(rows, orders_BC.argsort(dim=1))
        texts = self._texts.take(pieces_BP.flatten())
        lengths_B = texts.lengths.view_as(pieces_BP).sum(1)
        is_judged_E = torch.repeat_interleave(self._is_judged().repeat(len(rows)), texts.lengths)
        longest = int(lengths_B.max()) if len(rows) else 0
        is_there_BT = torch.arange(longest, device=self.device) < lengths_B[:, None]
        tokens_BT = torch.zeros(is_there_BT.shape, dtype=torch.long, device=self.device)
        is_judged_BT = torch.zeros_like(is_there_BT)
        tokens_BT[is_there_BT], is_judged_BT[is_there_BT] = texts.ids.long(), is_judged_E
        return Batch(tokens_BT, is_judged_BT, lengths_B)

    def _pieces(self, rows: Tensor, column_BC: Tensor) -> Tensor:
        """Numbers (B, P) of the texts that records consist of.

        Args:
            rows: Which records.
            column_BC: The target column at each place.
        """
        n_context = len(self.context)
        context_BC = torch.arange(n_context, device=self.device).expand(len(rows), -1)
        begin = n_context + 3
        parts = [
            torch.zeros_like(rows)[:, None],
            self._values(rows, context_BC, context_BC, names=1, between=n_context + 1),
            torch.full_like(rows, begin)[:, None],
            self._values(rows, column_BC, column_BC + n_context, names=begin + 1, between=begin + 1 + self.n_columns),
        ]
        return torch.cat(parts, 1)

    def _values(self, rows: Tensor, name_BC: Tensor, column_BC: Tensor, *, names: int, between: int) -> Tensor:
        """Numbers (B, 3 * C) of name, value and what stands behind it, of each column."""
        value_BC = self._first_value + column_BC * len(self) + rows[:, None]
        behind_BC = torch.full_like(value_BC, between)
        behind_BC[:, -1:] += 1
        return torch.stack([names + name_BC, value_BC, behind_BC], 2).flatten(1)

    def _is_judged(self) -> Tensor:
        """Of each of the P texts of a record."""
        before = [False] * (3 * len(self.context) + 2)
        return torch.tensor(before + [False, True, True] * self.n_columns, device=self.device)


def _fixed_texts(wording: Wording) -> list[tuple[int, ...]]:
    """All that is the same in every record; `Records._pieces` knows this order."""
    of_prompt = [wording.prompt_begin, *wording.prompt_names, wording.prompt_between, wording.prompt_end]
    return [*of_prompt, wording.begin, *wording.names, wording.between, wording.end]
