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
from synth_engine.sequences.context_transfer import (
    Coded,
    ContextMatches,
    averages,
    carry_context,
    carry_reading,
    match_lists,
)
from synth_engine.sequences.layout import SequenceLayout
from synth_engine.sequences.network import SequenceNetwork
from synth_engine.sequences.positions import hats
from synth_engine.tabular.matching import Matches
from synth_engine.tabular.transfer import Embedded, carry_network, check_sizes, shares_by_bias
from synth_engine.tabular.transferred import RESET_HINT, Described, Transfer, nothing_in_common

_OF_CONTEXT, _OF_ELEMENTS, _OF_LENGTHS = "{} (context)", "{} (context, elements)", "{} (number of events)"


class SequenceColumns(NamedTuple):
    """The encodings of all that a network of subjects is of, by column, as in its layout; of lists their elements'."""

    context: Mapping[str, Described]
    length: Mapping[str, Described]
    events: Mapping[str, Described]
    lists: Mapping[str, Described] = {}


@torch.no_grad()
def transfer_sequences(
    old: SequenceNetwork, old_columns: SequenceColumns, new: SequenceNetwork, new_columns: SequenceColumns
) -> Transfer:
    """Carry over to a fresh network what a trained one knows.

    Events, their numbers and the context go code by code, as `tabular.transfer` does it. New sub-columns of events and
    context are not listened to at first, neither in an event nor in what went before; in place of those that are no
    longer there stands their average, that of the context with all values alike, and of lists an empty one. Places in
    sequences keep what is known of them, those beyond the former longest sequence being taken for its end.

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
    matches = _Matches.of(old.layout, old_columns, new.layout, new_columns)
    if not matches.events.common and (old.layout.events.columns or new.layout.events.columns):
        raise InputError(nothing_in_common(old_columns.events, new_columns.events))
    lost_U = carry_context(Coded(old.context, old.layout), Coded(new.context, new.layout), matches.context)
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

    context: ContextMatches
    length: Matches
    events: Matches

    @classmethod
    def of(
        cls, old: SequenceLayout, old_columns: SequenceColumns, new: SequenceLayout, new_columns: SequenceColumns
    ) -> "_Matches":
        flat = Matches.of(old.context, old_columns.context, new.context, new_columns.context)
        return cls(
            ContextMatches(flat, match_lists(old, old_columns.lists, new, new_columns.lists)),
            Matches.of(old.length, old_columns.length, new.length, new_columns.length),
            Matches.of(old.events, old_columns.events, new.events, new_columns.events),
        )

    def report(self) -> Transfer:
        reports = [self.events.report(), self.length.report(_OF_LENGTHS), self.context.flat.report(_OF_CONTEXT)]
        reports += [each.elements.report(_OF_ELEMENTS) for each in self.context.lists]
        return Transfer(
            parts=tuple(part for each in reports for part in each.parts),
            new=tuple(pair for each in reports for pair in each.new),
            dropped=tuple(pair for each in reports for pair in each.dropped),
        )


def _other_numbers(is_sequential: bool) -> str:
    single, any_number = "subjects with exactly one row each", "subjects with any number of rows"
    expected, found = (any_number, single) if is_sequential else (single, any_number)
    return f"model to reuse: expected a model of {expected}, as in the data, found one of {found}; {RESET_HINT}"


def _carry_history(old: SequenceNetwork, new: SequenceNetwork, matches: Matches) -> None:
    """What is remembered of events."""
    before = Embedded(old.events.embedding, old.layout.events)
    new.history.weight.zero_()
    carry_reading(old.history, new.history, matches, averages(before, matches, shares_by_bias(old.events)))
    for ours, theirs in (
        (new.history.recurrences, old.history.recurrences),
        (new.history.mixing_weights, old.history.mixing_weights),
        (new.history.mixing_biases, old.history.mixing_biases),
    ):
        ours.load_state_dict(theirs.state_dict())


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
