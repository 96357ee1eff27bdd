"""What a trained network of subjects knows, carried over to a network for new data.

Belongs here: which weights of the one become which of the other, beside those of `synth_engine.tabular.transfer`. Does
not belong here: what codes mean, files, training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from synth_engine.domain import InputError
from synth_engine.sequences.history import History
from synth_engine.sequences.network import ContextEncoder, SequenceNetwork
from synth_engine.sequences.positions import hats
from synth_engine.tabular.matching import Matches, SubColumn
from synth_engine.tabular.transfer import (
    Embedded,
    Shares,
    carry_embeddings,
    carry_network,
    check_sizes,
    shares_by_bias,
)
from synth_engine.tabular.transferred import RESET_HINT, Described, Transfer, nothing_in_common

_OF_CONTEXT, _OF_LENGTHS = "{} (context)", "{} (number of events)"


class SequenceColumns(NamedTuple):
    """The encodings of all that a network of subjects is of, by column, as in its layout."""

    context: Mapping[str, Described]
    length: Mapping[str, Described]
    events: Mapping[str, Described]


@torch.no_grad()
def transfer_sequences(
    old: SequenceNetwork, old_columns: SequenceColumns, new: SequenceNetwork, new_columns: SequenceColumns
) -> Transfer:
    """Carry over to a fresh network what a trained one knows.

    Events, their numbers and the context go code by code, as `tabular.transfer` does it. New sub-columns of events and
    context are not listened to at first, neither in an event nor in what went before; in place of those that are no
    longer there stands their average, that of the context with all values alike. Places in sequences keep what is known
    of them, those beyond the former longest sequence being taken for its end.

    Args:
        old: The trained network.
        old_columns: The encodings that it was trained with.
        new: A fresh network of the same sizes on the same device; changed in place.
        new_columns: The encodings that it will be trained with.

    Returns:
        What was carried over, also of the context and of the numbers of events.

    Raises:
        InputError: The networks differ in their sizes, have no column of events in common, or only one of them knows
            subjects with other numbers of events than one.

    Guarantees:
        Reads no data. With the same encodings the new network equals the old one bit for bit. With others it gives to
        old codes, among themselves, the same probabilities in any order, given old codes of old columns in all events
        so far and in the context; whatever is given of new columns changes nothing. There are two exceptions: what
        moves by small steps now moves by as many codes, though some may have been inserted; and places between the last
        knot below the former longest sequence and the next one are interpolated anew.
    """
    check_sizes(old.sizes, new.sizes)
    if old.layout.is_sequential != new.layout.is_sequential:
        raise InputError(_other_numbers(new.layout.is_sequential))
    matches = _Matches.of(old, old_columns, new, new_columns)
    if not matches.events.common and (old.layout.events.columns or new.layout.events.columns):
        raise InputError(nothing_in_common(old_columns.events, new_columns.events))
    lost_U = _carry_context(old, new, matches.context)
    if new.layout.is_sequential:
        carry_network(old.lengths, new.lengths, matches.length, lost_U)
    if new.layout.events.columns:
        carry_network(old.events, new.events, matches.events, lost_U)
    if new.has_history:
        _carry_history(old, new, matches.events)
        _carry_mixing(old, new, lost_U)
    return matches.report()


@dataclass(frozen=True, eq=False)
class _Matches:
    """What the layouts of two networks have in common."""

    context: Matches
    length: Matches
    events: Matches

    @classmethod
    def of(
        cls, old: SequenceNetwork, old_columns: SequenceColumns, new: SequenceNetwork, new_columns: SequenceColumns
    ) -> "_Matches":
        return cls(
            Matches.of(old.layout.context, old_columns.context, new.layout.context, new_columns.context),
            Matches.of(old.layout.length, old_columns.length, new.layout.length, new_columns.length),
            Matches.of(old.layout.events, old_columns.events, new.layout.events, new_columns.events),
        )

    def report(self) -> Transfer:
        reports = (self.events.report(), self.length.report(_OF_LENGTHS), self.context.report(_OF_CONTEXT))
        return Transfer(
            parts=tuple(part for each in reports for part in each.parts),
            new=tuple(pair for each in reports for pair in each.new),
            dropped=tuple(pair for each in reports for pair in each.dropped),
        )


def _other_numbers(is_sequential: bool) -> str:
    single, any_number = "subjects with exactly one row each", "subjects with any number of rows"
    expected, found = (any_number, single) if is_sequential else (single, any_number)
    return f"model to reuse: expected a model of {expected}, as in the data, found one of {found}; {RESET_HINT}"


def _carry_context(old: SequenceNetwork, new: SequenceNetwork, matches: Matches) -> Tensor | None:
    """Carry over the encoder; if only the old network has one, its vector of an average context."""
    if not old.context.units:
        return None
    before, shares = Embedded(old.context.embedding, old.layout.context), _all_alike(old.context)
    averages_KD = _averages(before, matches, shares)
    if not new.context.units:
        return torch.addmm(old.context.bias, averages_KD.flatten()[None], old.context.weight).relu()[0]
    carry_embeddings(before, Embedded(new.context.embedding, new.layout.context), matches, shares)
    _carry_reading(old.context, new.context, matches, averages_KD)
    return None


def _carry_history(old: SequenceNetwork, new: SequenceNetwork, matches: Matches) -> None:
    """What is remembered of events."""
    before = Embedded(old.events.embedding, old.layout.events)
    _carry_reading(old.history, new.history, matches, _averages(before, matches, shares_by_bias(old.events)))
    for ours, theirs in (
        (new.history.recurrences, old.history.recurrences),
        (new.history.mixing_weights, old.history.mixing_weights),
        (new.history.mixing_biases, old.history.mixing_biases),
    ):
        ours.load_state_dict(theirs.state_dict())


def _carry_reading(
    old: ContextEncoder | History, new: ContextEncoder | History, matches: Matches, averages_KD: Tensor
) -> None:
    """The layer that reads the embeddings of all sub-columns side by side."""
    by_sub_column = (-1, averages_KD.shape[1])
    theirs, ours = old.weight.unflatten(0, by_sub_column), new.weight.unflatten(0, by_sub_column)
    ours.zero_()
    ours[matches.new_places] = theirs[matches.old_places]
    gone = [each.place for each in matches.gone]
    new.bias.copy_(old.bias + (averages_KD[gone, :, None] * theirs[gone]).sum((0, 1)))


def _averages(old: Embedded, matches: Matches, shares: Shares) -> Tensor:
    """The mean embedding (K, D) of each old sub-column."""
    vectors = old.embedding.vectors()
    return torch.stack([shares(each) @ vectors[old.codes_of(each.place)] for each in matches.known.values()])


def _all_alike(context: ContextEncoder) -> Shares:
    """Nothing tells how frequent the codes of a context are."""

    def shares(sub_column: SubColumn) -> Tensor:
        is_averaged = sub_column.is_averaged.to(context.bias)
        alike: Tensor = is_averaged / is_averaged.sum()
        return alike

    return shares


def _carry_mixing(old: SequenceNetwork, new: SequenceNetwork, lost_U: Tensor | None) -> None:
    """The state of an event from the context, its place and what went before."""
    of_context, of_places, of_history = old.mix_weight.split(_inputs(old))
    our_context, our_places, our_history = new.mix_weight.split(_inputs(new))
    our_context.copy_(of_context if old.context.units and new.context.units else torch.zeros_like(our_context))
    new.mix_bias.copy_(old.mix_bias if lost_U is None else old.mix_bias + lost_U @ of_context)
    our_places.copy_(_moved(of_places, old.knots_N, new.knots_N))
    our_history.copy_(of_history)


def _inputs(network: SequenceNetwork) -> list[int]:
    return [network.context.units, 3 * len(network.knots_N), network.history.size]


def _moved(weight: Tensor, before_N: Tensor, after_N: Tensor) -> Tensor:
    """Functions of places, given by their values at some knots, by those at others."""
    if torch.equal(before_N, after_N):
        return weight
    at_knots = weight.unflatten(0, (-1, len(before_N)))
    moved: Tensor = (hats(after_N, before_N) @ at_knots).flatten(0, 1)
    return moved
