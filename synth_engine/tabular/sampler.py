"""Sampling: one sub-column after the other, all rows at once, given the codes that are known."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from synth_engine.nn.threads import map_in_threads
from synth_engine.tabular.conditionals import Conditionals
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
    n, n_columns = len(network.layout.cardinalities), network.layout.n_columns
    device = network.column_of_K.device
    uniforms = torch.rand(n_rows, n, generator=generator, dtype=torch.float64)
    for k, values in (numbers or {}).items():
        uniforms[:, k] = values
    columns = range(n_columns) if order is None else order
    assert sorted(columns) == list(range(n_columns)), "every column must be drawn, and once"
    places = [place for column in columns for place in _places(network, column)]
    conditionals = Conditionals(network)

    def batch(part: tuple[Tensor, Tensor, Given | None]) -> Tensor:
        index, numbers, known = part
        rows = _Batch(conditionals, numbers.to(device), known, interventions or Interventions(), index.to(device))
        return rows.drawn(places).cpu()

    batches = uniforms.split(batch_size)
    known = [None] * len(batches) if given is None else given.split(batch_size)
    parts = list(zip(torch.arange(n_rows).split(batch_size), batches, known, strict=True))
    return torch.cat(map_in_threads(batch, parts) if device.type == "cpu" else [batch(part) for part in parts])


def _places(network: TabularNetwork, column: int) -> list[int]:
    return (network.column_of_K == column).nonzero()[:, 0].tolist()


class _Batch:
    """Rows while they are drawn.

    Args:
        conditionals: Of the network.
        uniforms_BK: Numbers that decide the codes.
        given: Codes that are known, on any device; None where nothing is.
        interventions: What to do to the probabilities.
        index_B: Which of all rows these are.
    """

    def __init__(
        self,
        conditionals: Conditionals,
        uniforms_BK: Tensor,
        given: Given | None,
        interventions: Interventions,
        index_B: Tensor,
    ) -> None:
        self._conditionals, self._uniforms, self._interventions = conditionals, uniforms_BK, interventions
        self._index = index_B
        # Codes with their offsets, in the order in which sub-columns came in: what is known is a slice, without a copy.
        self._in_order = torch.full_like(uniforms_BK, conditionals.unknown, dtype=torch.int32)
        self._place: dict[int, int] = {}
        # By sub-column: the rows that lack it, None for all of them.
        self._lacking: dict[int, Tensor | None] = {}
        # While many rows have the same codes so far: the kind of each row, and a row of each kind.
        self._kinds: tuple[Tensor, Tensor] | None = None
        if given is not None:
            self._take_up(given)
        elif len(uniforms_BK):
            nothing = torch.zeros(len(uniforms_BK), dtype=torch.long, device=uniforms_BK.device)
            self._kinds = nothing, nothing[:1]

    @torch.no_grad()  # which belongs to a thread
    def drawn(self, places: Sequence[int]) -> Tensor:
        """Codes (B, K), natural order, of which the sub-columns that lack any are drawn in this order."""
        for k in places:
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
        uniforms, index = self._uniforms[:, k], self._index
        if rows is not None:
            so_far, uniforms, index = so_far[rows], uniforms[rows], index[rows]
        codes = draw(self._weights(k, so_far, index), uniforms, self._interventions.first(k))
        self._tell_apart(codes)
        place = self._place.setdefault(k, len(self._place))
        with_offset = (codes + self._conditionals.offsets_K[k]).int()
        if rows is None:
            self._in_order[:, place] = with_offset
        else:
            self._in_order[rows, place] = with_offset

    def _weights(self, k: int, so_far: Tensor, index: Tensor) -> Tensor:
        """What the draw of sub-column ``k`` goes by, for rows with these codes and numbers."""
        if self._kinds is not None:
            so_far, index = so_far[self._kinds[1]], index[self._kinds[1]]
        known = Rows(self._conditionals, so_far, list(self._place), index)
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

    Attributes:
        index: The same.
    """

    def __init__(self, conditionals: Conditionals, known_BN: Tensor, places: Sequence[int], index_B: Tensor) -> None:
        self._conditionals, self._known, self.index = conditionals, known_BN, index_B
        self._place = {k: place for place, k in enumerate(places)}

    def logits(self, k: int) -> Tensor:
        """Logits (B, codes) of sub-column ``k`` given all that is known."""
        return self._conditionals.logits(self._known, k)

    def codes(self, k: int) -> Tensor:
        """Code of sub-column ``k`` in each row; `UNKNOWN` where there is none."""
        if k not in self._place:
            return self._known.new_full((len(self._known),), UNKNOWN)
        with_offset = self._known[:, self._place[k]]
        is_unknown = with_offset == self._conditionals.unknown
        return (with_offset - self._conditionals.offsets_K[k]).masked_fill(is_unknown, UNKNOWN)


def draw(probabilities_BC: Tensor, uniforms_B: Tensor, first: Sequence[int] = ()) -> Tensor:
    """Codes by inversion of the cumulated probabilities; a code of probability 0 is never drawn.

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
        return order[draw(probabilities_BC[:, order], uniforms_B)]
    cumulated = probabilities_BC.cumsum(1, dtype=torch.float64)
    # Never zero, so that the search passes over leading codes of probability 0; it stops before trailing ones, as the
    # sum has been reached where they begin.
    target = (uniforms_B * cumulated[:, -1]).clamp(min=torch.finfo(torch.float64).tiny)
    return torch.searchsorted(cumulated, target[:, None])[:, 0]
