"""What a trained network knows of contexts, carried over to one for new data: flat columns, and columns of lists.

Belongs here: the encoder of contexts, and layers that read all sub-columns side by side. Does not belong here: events.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from synth_engine.sequences.context import ContextEncoder, ListEncoder
from synth_engine.sequences.history import History
from synth_engine.sequences.layout import ListLayout, SequenceLayout
from synth_engine.tabular.layout import Layout
from synth_engine.tabular.matching import Matches, SubColumn
from synth_engine.tabular.transfer import Embedded, Shares, carry_embeddings
from synth_engine.tabular.transferred import Described

Reader: TypeAlias = ContextEncoder | ListEncoder | History

_NOTHING = Layout(())


class ListMatch(NamedTuple):
    """A column of lists.

    Args:
        old: Its place among those of the old layout; None where it is new.
        new: Its place among those of the new one; None where it is gone.
        elements: What the layouts of its elements have in common.
    """

    old: int | None
    new: int | None
    elements: Matches


class ContextMatches(NamedTuple):
    """What the contexts of two networks have in common."""

    flat: Matches
    lists: list[ListMatch]


def match_lists(
    old: SequenceLayout, old_columns: Mapping[str, Described], new: SequenceLayout, new_columns: Mapping[str, Described]
) -> list[ListMatch]:
    """All columns of lists of two layouts, by name; the encodings are those of the elements."""
    known, wanted = _by_name(old.lists), _by_name(new.lists)
    return [
        ListMatch(
            known.get(name),
            wanted.get(name),
            Matches.of(
                old.lists[known[name]].elements if name in known else _NOTHING,
                old_columns,
                new.lists[wanted[name]].elements if name in wanted else _NOTHING,
                new_columns,
            ),
        )
        for name in {**wanted, **known}
    ]


def _by_name(lists: tuple[ListLayout, ...]) -> dict[str, int]:
    return {each.elements.columns[0].name: place for place, each in enumerate(lists)}


class Coded(NamedTuple):
    """An encoder of contexts and its layout."""

    encoder: ContextEncoder
    layout: SequenceLayout

    @property
    def flat(self) -> Embedded | None:
        """The embeddings of its flat columns, where there are any."""
        return Embedded(self.encoder.embedding, self.layout.context) if self.layout.context.columns else None


def carry_context(old: Coded, new: Coded, matches: ContextMatches) -> Tensor | None:
    """Carry over an encoder; if only the old network has one, returns its vector of an average context."""
    if not old.encoder.units:
        return None
    shares, known, wanted = _all_alike(old.encoder.bias), old.flat, new.flat
    averages_KD = None if known is None else averages(known, matches.flat, shares)
    if not new.encoder.units:
        return _average_context(old.encoder, averages_KD)
    new.encoder.weight.zero_()
    new.encoder.bias.copy_(old.encoder.bias)
    if known is not None and averages_KD is not None:
        if wanted is not None:
            carry_embeddings(known, wanted, matches.flat, shares)
        carry_reading(old.encoder, new.encoder, matches.flat, averages_KD)
    for each in matches.lists:
        if each.elements.common:
            _carry_list(old, new, each, shares)
    return None


def _average_context(encoder: ContextEncoder, averages_KD: Tensor | None) -> Tensor:
    """With empty lists."""
    if averages_KD is None:
        return encoder.bias.relu()
    average: Tensor = encoder.bias + averages_KD.flatten() @ encoder.weight[: averages_KD.numel()]
    return average.relu()


def _carry_list(old: Coded, new: Coded, match: ListMatch, shares: Shares) -> None:
    assert match.old is not None
    assert match.new is not None
    theirs, ours = old.encoder.lists[match.old], new.encoder.lists[match.new]
    assert isinstance(theirs, ListEncoder)
    assert isinstance(ours, ListEncoder)
    before = Embedded(theirs.embedding, old.layout.lists[match.old].elements)
    after = Embedded(ours.embedding, new.layout.lists[match.new].elements)
    carry_embeddings(before, after, match.elements, shares)
    ours.weight.zero_()
    carry_reading(theirs, ours, match.elements, averages(before, match.elements, shares))
    ours.recurrence.load_state_dict(theirs.recurrence.state_dict())
    new.encoder.weight[_rows(new, match.new)] = old.encoder.weight[_rows(old, match.old)]


def _rows(coded: Coded, place: int) -> slice:
    """Of the encoder's weight, those of a column of lists; they stand behind those of the flat columns."""
    units, n_lists = coded.encoder.units, len(coded.layout.lists)
    start = len(coded.encoder.weight) - (n_lists - place) * units
    return slice(start, start + units)


def carry_reading(old: Reader, new: Reader, matches: Matches, averages_KD: Tensor) -> None:
    """The layer that reads the embeddings of all sub-columns side by side; sub-columns stand first in its weight.

    The new weight must be zero before. The average of what is gone goes into the bias.
    """
    dim = averages_KD.shape[1]
    theirs = old.weight[: len(matches.known) * dim].unflatten(0, (len(matches.known), dim))
    ours = new.weight[: len(matches.wanted) * dim].unflatten(0, (len(matches.wanted), dim))
    ours[matches.new_places] = theirs[matches.old_places]
    gone = [each.place for each in matches.gone]
    new.bias.copy_(old.bias + (averages_KD[gone, :, None] * theirs[gone]).sum((0, 1)))


def averages(old: Embedded, matches: Matches, shares: Shares) -> Tensor:
    """The mean embedding (K, D) of each old sub-column."""
    vectors = old.embedding.vectors()
    return torch.stack([shares(each) @ vectors[old.codes_of(each.place)] for each in matches.known.values()])


def _all_alike(like: Tensor) -> Shares:
    """Nothing tells how frequent the codes of a context are."""

    def shares(sub_column: SubColumn) -> Tensor:
        is_averaged = sub_column.is_averaged.to(like)
        alike: Tensor = is_averaged / is_averaged.sum()
        return alike

    return shares
