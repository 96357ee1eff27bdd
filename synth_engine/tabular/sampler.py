"""Sampling: one sub-column after the other, all rows at once, given the codes that are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from synth_engine.nn.threads import map_in_threads
from synth_engine.tabular.conditionals import Conditionals, RowState
from synth_engine.tabular.given import Given
from synth_engine.tabular.interventions import UNKNOWN, Interventions
from synth_engine.tabular.network import TabularNetwork

DEFAULT_BATCH = 4096
# As long as this share of the rows or fewer have different codes so far, each kind of row is looked at once.
MAX_KINDS = 0.25


@torch.no_grad()
def sample(
    network: TabularNetwork,
    n_rows: int,
    generator: torch.Generator,
    *,
    given: Given | None = None,
    interventions: Interventions | None = None,
    order: Sequence[int] | None = None,
    numbers: Mapping[int, Tensor] | None = None,
    batch_size: int = DEFAULT_BATCH,
) -> Tensor:
    """Draw rows of codes.

    Args:
        network: A trained network.
        n_rows: Number of rows.
        generator: Source of randomness, on the CPU. All draws are made up front, so that `batch_size` does not
            change which random number decides which code.
        given: Codes that are known: they come back as they are, and the others are drawn given all of these, whatever
            the order. None stands for nothing.
        interventions: What to do to the probabilities.
        order: Column indices in the order in which they are drawn; None is the natural order.
        numbers: For some sub-columns numbers (n_rows,) from 0 up to 1 in place of random ones.
        batch_size: Rows at a time; bounds the memory. On a CPU several batches are drawn at once, in threads.

    Returns:
        Codes (n_rows, K), int32, on the CPU.
    """
    n = len(network.layout.cardinalities)
    uniforms = torch.rand(n_rows, n, generator=generator, dtype=torch.float64)
    for k, values in (numbers or {}).items():
        uniforms[:, k] = values
    source = Source(Conditionals(network), interventions or Interventions(), places_of(network, order))
    return draw_rows(source, uniforms, given=given, batch_size=batch_size)


def places_of(network: TabularNetwork, order: Sequence[int] | None) -> list[int]:
    """Sub-columns in the order in which they are drawn, for an order of columns; None is the natural one."""
    n_columns = network.layout.n_columns
    columns = range(n_columns) if order is None else order
    assert sorted(columns) == list(range(n_columns)), "every column must be drawn, and once"
    return [place for column in columns for place in (network.column_of_K == column).nonzero()[:, 0].tolist()]


@dataclass(frozen=True, eq=False)
class Source:
    """Where probabilities come from.

    Args:
        conditionals: Of a network.
        interventions: What is done to its probabilities.
        places: Sub-columns in the order in which they are drawn.
    """

    conditionals: Conditionals
    interventions: Interventions
    places: Sequence[int]


@torch.no_grad()
def draw_rows(
    source: Source,
    uniforms_NK: Tensor,
    *,
    given: Given | None = None,
    state: RowState | None = None,
    index: Tensor | None = None,
    batch_size: int = DEFAULT_BATCH,
) -> Tensor:
    """Draw rows of codes by given numbers.

    Args:
        source: Where probabilities come from.
        uniforms_NK: Numbers from 0 up to 1 that decide the codes, on the CPU.
        given: Codes that are known, as in `sample`.
        state: What each row is given beside its own codes, where the network was made for that.
        index: What masks know each row by; None stands for its number.
        batch_size: Rows at a time.

    Returns:
        Codes (N, K), int32, on the CPU.
    """
    device = source.conditionals.column_of_K.device
    index = torch.arange(len(uniforms_NK)) if index is None else index

    def batch(start: int) -> Tensor:
        part = slice(start, start + batch_size)
        known, around = (None if given is None else given.rows(part)), (None if state is None else state.rows(part))
        return _Batch(source, uniforms_NK[part].to(device), known, around, index[part].to(device)).drawn().cpu()

    parts = range(0, max(len(uniforms_NK), 1), batch_size)
    return torch.cat(map_in_threads(batch, parts) if device.type == "cpu" else [batch(part) for part in parts])


class _Batch:
    """Rows while they are drawn.

    Args:
        source: Where probabilities come from.
        uniforms_BK: Numbers that decide the codes.
        given: Codes that are known, on any device; None where nothing is.
        state: What the rows are given beside.
        index_B: Which of all rows these are.
    """

    def __init__(
        self, source: Source, uniforms_BK: Tensor, given: Given | None, state: RowState | None, index_B: Tensor
    ) -> None:
        self._uniforms, self._interventions = uniforms_BK, source.interventions
        self._conditionals = conditionals = source.conditionals
        self._places = source.places
        self._index, self._state = index_B, state
        # Codes with their offsets, in the order in which sub-columns came in: what is known is a slice, without a copy.
        self._in_order = torch.full_like(uniforms_BK, conditionals.unknown, dtype=torch.int32)
        self._place: dict[int, int] = {}
        # By sub-column: the rows that lack it, None for all of them.
        self._lacking: dict[int, Tensor | None] = {}
        # While many rows have the same codes so far: the kind of each row, and a row of each kind.
        self._kinds: tuple[Tensor, Tensor] | None = None
        if given is not None:
            self._take_up(given)
        elif len(uniforms_BK) and state is None:
            nothing = torch.zeros(len(uniforms_BK), dtype=torch.long, device=uniforms_BK.device)
            self._kinds = nothing, nothing[:1]

    @torch.no_grad()  # which belongs to a thread
    def drawn(self) -> Tensor:
        """Codes (B, K), natural order, of which the sub-columns that lack any are drawn in the order of the places."""
        for k in self._places:
            rows = self._lacking.get(k)
            if rows is None or len(rows):
                self._draw(k, rows)
        codes = torch.empty_like(self._in_order)
        codes[:, list(self._place)] = self._in_order
        return codes - self._conditionals.offsets_K

    def _take_up(self, given: Given) -> None:
        device = self._uniforms.device
        is_given_BK = given.is_given_NC.to(device)[:, self._conditionals.column_of_K]
        some = is_given_BK.any(0).nonzero()[:, 0]
        self._place = {k: place for place, k in enumerate(some.tolist())}
        codes = given.codes_NK.to(device)[:, some] + self._conditionals.offsets_K[some]
        known = is_given_BK[:, some]
        self._in_order[:, : len(some)] = torch.where(known, codes, self._conditionals.unknown)
        self._lacking = {k: (~known[:, place]).nonzero()[:, 0] for k, place in self._place.items()}

    def _draw(self, k: int, rows: Tensor | None) -> None:
        """Draw the codes of a sub-column in some rows; None stands for all."""
        so_far = self._in_order[:, : len(self._place)]
        uniforms, index, state = self._uniforms[:, k], self._index, self._state
        if rows is not None:
            so_far, uniforms, index = so_far[rows], uniforms[rows], index[rows]
            state = None if state is None else state.rows(rows)
        codes = draw(self._weights(k, so_far, index, state), uniforms, self._interventions.first(k))
        self._tell_apart(codes)
        place = self._place.setdefault(k, len(self._place))
        with_offset = (codes + self._conditionals.offsets_K[k]).int()
        if rows is None:
            self._in_order[:, place] = with_offset
        else:
            self._in_order[rows, place] = with_offset

    def _weights(self, k: int, so_far: Tensor, index: Tensor, state: RowState | None) -> Tensor:
        """What the draw of sub-column ``k`` goes by, for rows with these codes and numbers."""
        if self._kinds is not None:
            so_far, index = so_far[self._kinds[1]], index[self._kinds[1]]
        known = Rows(self._conditionals, so_far, list(self._place), index, state)
        weights = self._interventions.weights(known.logits(k), k, known)
        return weights if self._kinds is None else weights[self._kinds[0]]

    def _tell_apart(self, codes: Tensor) -> None:
        """Rows of a kind that have different codes now are of different kinds."""
        if self._kinds is None:
            return
        labels = self._kinds[0] * self._conditionals.unknown + codes  # there are no more codes than that
        kinds, kind = torch.unique(labels, return_inverse=True)
        example = torch.empty_like(kinds).scatter_(0, kind, torch.arange(len(kind), device=kind.device))
        self._kinds = (kind, example) if len(kinds) <= MAX_KINDS * len(kind) else None


class Rows:
    """Rows of which some codes are known.

    Args:
        conditionals: Of the network.
        known_BN: Codes with their offsets; `Conditionals.unknown` where a row does not have one.
        places: The sub-column that each of them belongs to.
        index_B: Which of all rows these are.
        state: What they are given beside.

    Attributes:
        index: The same.
    """

    def __init__(
        self,
        conditionals: Conditionals,
        known_BN: Tensor,
        places: Sequence[int],
        index_B: Tensor,
        state: RowState | None = None,
    ) -> None:
        self._conditionals, self._known, self.index, self._state = conditionals, known_BN, index_B, state
        self._place = {k: place for place, k in enumerate(places)}

    def logits(self, k: int) -> Tensor:
        """Logits (B, codes) of sub-column ``k`` given all that is known."""
        return self._conditionals.logits(self._known, k, self._state)

    def codes(self, k: int) -> Tensor:
        """Code of sub-column ``k`` in each row; `UNKNOWN` where there is none."""
        if k not in self._place:
            return self._known.new_full((len(self._known),), UNKNOWN)
        with_offset = self._known[:, self._place[k]]
        is_unknown = with_offset == self._conditionals.unknown
        return (with_offset - self._conditionals.offsets_K[k]).masked_fill(is_unknown, UNKNOWN)


def draw(probabilities_BC: Tensor, uniforms_B: Tensor, first: Sequence[int] = ()) -> Tensor:
    """Codes by inversion of the cumulated probabilities; a code of probability 0 is never drawn.

    In the precision of the probabilities: in single precision they are off by some 1e-7, far less than any network is.
    Where shares are to come out exactly, in double precision.

    Args:
        probabilities_BC: Probabilities; they need not add up to 1.
        uniforms_B: A number from 0 up to 1 for each row.
        first: Codes that the smallest numbers stand for; the others follow, all in ascending order.

    >>> draw(torch.tensor([[0.0, 0.25, 0.75, 0.0]]).expand(3, 4), torch.tensor([0.0, 0.3, 0.999999])).tolist()
    [1, 2, 2]
    >>> draw(torch.tensor([[0.5, 0.25, 0.25]]).expand(2, 3), torch.tensor([0.0, 0.3]), first=[2]).tolist()
    [2, 0]
    """
    if first:
        moved = [*first, *(code for code in range(probabilities_BC.shape[1]) if code not in set(first))]
        order = torch.tensor(moved, device=probabilities_BC.device)
        return order[draw(probabilities_BC[:, order].double(), uniforms_B)]
    cumulated, precision = probabilities_BC.cumsum(1), torch.finfo(probabilities_BC.dtype)
    # Never zero, so that the search passes over leading codes of probability 0; it stops before trailing ones, as the
    # sum has been reached where they begin.
    target = (uniforms_B.to(cumulated) * cumulated[:, -1]).clamp_(min=precision.smallest_normal * precision.eps)
    return torch.searchsorted(cumulated, target[:, None])[:, 0]
