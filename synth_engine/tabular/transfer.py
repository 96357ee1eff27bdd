"""What a trained network knows, carried over to a network for new data: column by column, code by code.

Belongs here: which weights of the one become which of the other. Does not belong here: what codes mean, messages,
files, training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from synth_engine.domain import InputError
from synth_engine.encodings.meanings import AVERAGE, Meanings, Sources
from synth_engine.nn.embedding import N_BASIS, triangular_basis
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.transferred import Described, PartTransfer, Transfer, nothing_in_common, other_sizes

__all__ = ["Described", "PartTransfer", "Transfer", "transfer"]


@dataclass(frozen=True, eq=False)
class _Match:
    """A sub-column of both networks.

    Args:
        old: Its index in the old network.
        new: Its index in the new one.
        sources: The old code that each new one starts from.
        is_averaged: Old codes that the average is of.
    """

    old: int
    new: int
    sources: Sources
    is_averaged: Tensor

    @classmethod
    def of(cls, old: "_SubColumn", new: "_SubColumn") -> Self:
        """Match the codes."""
        is_averaged = torch.from_numpy(old.meanings.is_averaged)
        return cls(old.place, new.place, Sources.of(old.meanings, new.meanings), is_averaged)

    def taken(self, rows: Tensor, shares: Tensor) -> Tensor:
        """Rows of old codes as rows of new codes; the average is weighted by the shares of the old codes."""
        average = shares @ rows
        return torch.cat([rows, average[None]])[torch.from_numpy(self.sources.codes).to(rows.device)]

    def counted(self, column: str, part: str) -> PartTransfer:
        """How many codes start from what."""
        is_kept, is_average = self.sources.is_kept, self.sources.codes == AVERAGE
        return PartTransfer(
            column=column,
            part=part,
            n_kept=int(is_kept.sum()),
            n_near=int((~is_kept & ~is_average).sum()),
            n_average=int(is_average.sum()),
            n_dropped=self.sources.n_dropped,
        )


class _SubColumn(NamedTuple):
    """Name of a sub-column, its place in the code matrix, what its codes mean."""

    part: str
    place: int
    meanings: Meanings


@torch.no_grad()
def transfer(
    old: TabularNetwork, old_columns: Mapping[str, Described], new: TabularNetwork, new_columns: Mapping[str, Described]
) -> Transfer:
    """Carry over to a fresh network what a trained one knows.

    A code starts as the old code with the same meaning; one that is new starts like the nearest old one, or else like
    the average, but less probable (see `Sources`). New columns and sub-columns keep their fresh weights, and are not
    listened to by the others at first. What is no longer there is dropped.

    Args:
        old: The trained network.
        old_columns: The encodings of the columns that it was trained with, by name.
        new: A fresh network of the same sizes on the same device; changed in place.
        new_columns: The encodings of the columns that it will be trained with.

    Returns:
        What was carried over.

    Raises:
        InputError: The networks have no column in common, or differ in their sizes.

    Guarantees:
        Reads no data. With the same encodings the new network equals the old one bit for bit. With others it gives to
        old codes, among themselves, the same probabilities in any order, given old codes of old columns; whatever is
        given of new columns changes nothing. A new code that starts like the average never gets more than `NEW_SHARE`
        of the mean probability of the old ones.
    """
    if _shapes(old) != _shapes(new):
        raise InputError(other_sizes(old.sizes, new.sizes))
    known, wanted = _sub_columns(old, old_columns), _sub_columns(new, new_columns)
    matches = {key: _Match.of(known[key], wanted[key]) for key in wanted if key in known}
    if not matches:
        raise InputError(nothing_in_common(old_columns, new_columns))
    _carry_blocks(old, new, list(matches.values()))
    _carry_embeddings(old, new, list(matches.values()))
    for match in matches.values():
        _carry_head(old, new, match)
    return Transfer(
        parts=tuple(match.counted(key[0], wanted[key].part) for key, match in matches.items()),
        new=tuple((key[0], wanted[key].part) for key in wanted if key not in known),
        dropped=tuple((key[0], known[key].part) for key in known if key not in wanted),
    )


def _shapes(network: TabularNetwork) -> tuple[int, int, int]:
    """What must be equal for weights to fit; the share of units that is dropped does not matter."""
    return network.sizes.embedding, network.sizes.hidden, network.sizes.n_residual


def _sub_columns(network: TabularNetwork, columns: Mapping[str, Described]) -> dict[tuple[str, str], _SubColumn]:
    """Sub-columns by the column's name and what they tell of it."""
    found: dict[tuple[str, str], _SubColumn] = {}
    for column in network.layout.columns:
        known = columns[column.name].meanings()
        for part, size in column.cardinalities.items():
            meanings = known[part]
            assert len(meanings.labels) == size, f"{column.name}: meanings of {part} do not fit the network"
            found[column.name, meanings.tells or part] = _SubColumn(part, len(found), meanings)
    return found


def _carry_blocks(old: TabularNetwork, new: TabularNetwork, matches: Sequence[_Match]) -> None:
    """First layer and residual layers of old sub-columns; they do not listen to new ones."""
    old_in, new_in = (torch.tensor([getattr(match, side) for match in matches]) for side in ("old", "new"))
    old_out = torch.tensor([old.heads.place[match.old] for match in matches])
    new_out = torch.tensor([new.heads.place[match.new] for match in matches])
    new.blocks.weight[:, :, new_out] = 0.0
    new.blocks.weight[new_in[:, None], :, new_out] = old.blocks.weight[old_in[:, None], :, old_out]
    new.blocks.bias[new_out] = old.blocks.bias[old_out]
    for ours, theirs in zip(new.residual_weights, old.residual_weights, strict=True):
        ours[new_out] = theirs[old_out]
    for ours, theirs in zip(new.residual_biases, old.residual_biases, strict=True):
        ours[new_out] = theirs[old_out]


def _carry_embeddings(old: TabularNetwork, new: TabularNetwork, matches: Sequence[_Match]) -> None:
    """Embeddings as they were, also where codes have other ranks now than before."""
    if new.embedding.has_ranks:
        for match in matches:
            rows = slice(match.new * N_BASIS, (match.new + 1) * N_BASIS)
            new.embedding.rank_weight[rows] = _rank_weight(old, new, match)
    before, after = old.embedding.rank_vectors(), new.embedding.rank_vectors()
    for match in matches:
        shares = _shares(old, match)
        theirs, ours = _codes_of(old, match.old), _codes_of(new, match.new)
        taken = match.taken(old.embedding.table[theirs], shares)
        new.embedding.table[ours] = taken + (match.taken(before[theirs], shares) - after[ours])


def _rank_weight(old: TabularNetwork, new: TabularNetwork, match: _Match) -> Tensor:
    """The function of the ranks, stretched so that codes have the same values as before: shape (basis, D)."""
    if not old.embedding.has_ranks:
        return torch.zeros(N_BASIS, new.sizes.embedding)
    weight = old.embedding.rank_weight[match.old * N_BASIS : (match.old + 1) * N_BASIS]
    ranks = new.layout.ranks[_codes_of(new, match.new)]
    before = torch.cat([old.layout.ranks[_codes_of(old, match.old)], torch.tensor([torch.nan])])
    before = before[torch.from_numpy(match.sources.codes)]
    is_known = ~(ranks.isnan() | before.isnan())
    if torch.equal(ranks[is_known], before[is_known]):
        return weight
    knots = np.interp(np.linspace(0, 1, N_BASIS), ranks[is_known].numpy(), before[is_known].numpy())
    index, shares = triangular_basis(torch.from_numpy(knots))
    return (weight[index] * shares.to(weight)[:, :, None]).sum(1)


def _carry_head(old: TabularNetwork, new: TabularNetwork, match: _Match) -> None:
    """Output weights, and biases that give new codes their share."""
    weight, bias = old.heads.of(match.old)
    new_weight, new_bias = new.heads.of(match.new)
    if new_weight.shape == weight.shape:  # the padding, too
        new_weight.copy_(weight)
        new_bias.copy_(bias)
    n_old, n_new = match.sources.n_old, len(match.sources.codes)
    new_weight[:, :n_new] = match.taken(weight[:, :n_old].t(), _shares(old, match)).t()
    # With the average of their weights and the sum of their probabilities, a code is never more probable than all the
    # codes together that it is the average of: the exponential function is convex.
    together = bias[:n_old][match.is_averaged].logsumexp(0, keepdim=True)
    new_bias[:n_new] = torch.cat([bias[:n_old], together])[torch.from_numpy(match.sources.codes)]
    new_bias[:n_new] += torch.from_numpy(match.sources.shares).log().to(new_bias)


def _shares(old: TabularNetwork, match: _Match) -> Tensor:
    """Probabilities of a sub-column's old codes, as far as its biases tell; 0 for those that are not averaged."""
    bias = old.heads.of(match.old)[1][: match.sources.n_old]
    return bias.masked_fill(~match.is_averaged.to(bias.device), -torch.inf).softmax(0)


def _codes_of(network: TabularNetwork, k: int) -> slice:
    start = int(network.embedding.offsets_K[k])
    return slice(start, start + network.layout.cardinalities[k])
