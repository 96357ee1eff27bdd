"""What a trained network knows, carried over to a network for new data: column by column, code by code.

Belongs here: which weights of the one become which of the other. Does not belong here: what codes mean (`encodings`),
which belong together (`matching`), messages, files, training.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from synth_engine.domain import InputError
from synth_engine.nn.embedding import N_BASIS, CodeEmbedding, triangular_basis
from synth_engine.tabular.layout import Layout
from synth_engine.tabular.matching import Match, Matches, SubColumn
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sizes import Sizes
from synth_engine.tabular.transferred import Described, PartTransfer, Transfer, nothing_in_common, other_sizes

__all__ = ["Described", "PartTransfer", "Transfer", "transfer"]


class Embedded(NamedTuple):
    """Embeddings of the codes of a layout."""

    embedding: CodeEmbedding
    layout: Layout

    def codes_of(self, k: int) -> slice:
        """Places of the codes of a sub-column among all."""
        start = int(self.embedding.offsets_K[k])
        return slice(start, start + self.layout.cardinalities[k])


Shares = Callable[[SubColumn], Tensor]
"""How frequent the codes of an old sub-column are; 0 for those that are not averaged."""


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
    check_sizes(old.sizes, new.sizes)
    matches = Matches.of(old.layout, old_columns, new.layout, new_columns)
    if not matches.common:
        raise InputError(nothing_in_common(old_columns, new_columns))
    carry_network(old, new, matches)
    return matches.report()


def check_sizes(old: Sizes, new: Sizes) -> None:
    """Raise `InputError` unless weights fit; the share of units that is dropped does not matter."""
    if (old.embedding, old.hidden, old.n_residual) != (new.embedding, new.hidden, new.n_residual):
        raise InputError(other_sizes(old, new))


@torch.no_grad()
def carry_network(old: TabularNetwork, new: TabularNetwork, matches: Matches, lost_S: Tensor | None = None) -> None:
    """Carry over the weights of all sub-columns that two networks of the same sizes have in common.

    Args:
        old: The trained network.
        new: A fresh one; changed in place. If only it has a state, no block of an old sub-column listens to it.
        matches: Of their layouts.
        lost_S: If only the old one has a state: what to take for it from now on.
    """
    places = tuple(
        torch.tensor([network.heads.place[int(k)] for k in places], dtype=torch.long)
        for network, places in ((old, matches.old_places), (new, matches.new_places))
    )
    _carry_blocks(old, new, matches, places)
    _carry_state(old, new, places, lost_S)
    shares = shares_by_bias(old)
    carry_embeddings(Embedded(old.embedding, old.layout), Embedded(new.embedding, new.layout), matches, shares)
    for match in matches.common.values():
        _carry_head(old, new, match, shares(match.old))


def _carry_blocks(old: TabularNetwork, new: TabularNetwork, matches: Matches, places: tuple[Tensor, ...]) -> None:
    """First layer and residual layers of old sub-columns; they do not listen to new ones."""
    old_in, new_in = matches.old_places, matches.new_places
    old_out, new_out = places
    new.blocks.weight[:, :, new_out] = 0.0
    new.blocks.weight[new_in[:, None], :, new_out] = old.blocks.weight[old_in[:, None], :, old_out]
    new.blocks.bias[new_out] = old.blocks.bias[old_out]
    for ours, theirs in zip(new.residual_weights, old.residual_weights, strict=True):
        ours[new_out] = theirs[old_out]
    for ours, theirs in zip(new.residual_biases, old.residual_biases, strict=True):
        ours[new_out] = theirs[old_out]
    if old.repeats and new.repeats:
        new.repeat_weight[new_out] = old.repeat_weight[old_out]
        new.repeat_bias[new_out] = old.repeat_bias[old_out]


def _carry_state(old: TabularNetwork, new: TabularNetwork, places: tuple[Tensor, ...], lost_S: Tensor | None) -> None:
    """What blocks make of the state."""
    old_out, new_out = places
    if new.has_state:
        by_block = (-1, new.sizes.hidden)
        known = old.state_weight.unflatten(1, by_block)[:, old_out] if old.has_state else 0.0
        new.state_weight.unflatten(1, by_block)[:, new_out] = known
    elif old.has_state and lost_S is not None:
        new.blocks.bias[new_out] += old.of_state(lost_S[None])[0, old_out]


@torch.no_grad()
def carry_embeddings(old: Embedded, new: Embedded, matches: Matches, shares: Shares) -> None:
    """Embeddings as they were, also where codes have other ranks now than before."""
    if new.embedding.has_ranks:
        for match in matches.common.values():
            rows = slice(match.new.place * N_BASIS, (match.new.place + 1) * N_BASIS)
            new.embedding.rank_weight[rows] = _rank_weight(old, new, match)
    before, after = old.embedding.rank_vectors(), new.embedding.rank_vectors()
    for match in matches.common.values():
        of_codes = shares(match.old)
        theirs, ours = old.codes_of(match.old.place), new.codes_of(match.new.place)
        taken = match.taken(old.embedding.table[theirs], of_codes)
        new.embedding.table[ours] = taken + (match.taken(before[theirs], of_codes) - after[ours])


def _rank_weight(old: Embedded, new: Embedded, match: Match) -> Tensor:
    """The function of the ranks, stretched so that codes have the same values as before: shape (basis, D)."""
    if not old.embedding.has_ranks:
        return torch.zeros(N_BASIS, new.embedding.table.shape[1])
    weight = old.embedding.rank_weight[match.old.place * N_BASIS : (match.old.place + 1) * N_BASIS]
    ranks = new.layout.ranks[new.codes_of(match.new.place)]
    before = torch.cat([old.layout.ranks[old.codes_of(match.old.place)], torch.tensor([torch.nan])])
    before = before[torch.from_numpy(match.sources.codes)]
    is_known = ~(ranks.isnan() | before.isnan())
    if torch.equal(ranks[is_known], before[is_known]):
        return weight
    knots = np.interp(np.linspace(0, 1, N_BASIS), ranks[is_known].numpy(), before[is_known].numpy())
    index, shares = triangular_basis(torch.from_numpy(knots))
    return (weight[index] * shares.to(weight)[:, :, None]).sum(1)


def _carry_head(old: TabularNetwork, new: TabularNetwork, match: Match, shares: Tensor) -> None:
    """Output weights, and biases that give new codes their share."""
    weight, bias = old.heads.of(match.old.place)
    new_weight, new_bias = new.heads.of(match.new.place)
    if new_weight.shape == weight.shape:  # the padding, too
        new_weight.copy_(weight)
        new_bias.copy_(bias)
    n_old, n_new = match.sources.n_old, len(match.sources.codes)
    new_weight[:, :n_new] = match.taken(weight[:, :n_old].t(), shares).t()
    # With the average of their weights and the sum of their probabilities, a code is never more probable than all the
    # codes together that it is the average of: the exponential function is convex.
    together = bias[:n_old][match.old.is_averaged].logsumexp(0, keepdim=True)
    new_bias[:n_new] = torch.cat([bias[:n_old], together])[torch.from_numpy(match.sources.codes)]
    new_bias[:n_new] += torch.from_numpy(match.sources.shares).log().to(new_bias)


def shares_by_bias(old: TabularNetwork) -> Shares:
    """Frequencies of codes as far as the biases of a network tell them."""

    def shares(sub_column: SubColumn) -> Tensor:
        bias = old.heads.of(sub_column.place)[1][: len(sub_column.meanings.labels)]
        return bias.masked_fill(~sub_column.is_averaged.to(bias.device), -torch.inf).softmax(0)

    return shares
