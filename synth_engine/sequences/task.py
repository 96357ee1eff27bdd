"""What the training loop learns: subjects with their events under a mix of column orders."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synth_engine.nn.orders import natural_order, random_orders
from synth_engine.nn.threads import map_in_threads
from synth_engine.sequences.network import SequenceNetwork
from synth_engine.sequences.records import Batch, Records
from synth_engine.tabular.network import OrderGroup
from synth_engine.tabular.task import MAX_RANDOM_ORDERS, NATURAL_SHARE, ROWS_PER_ORDER

DEFAULT_WINDOW = 100
MAX_VALIDATION_EVENTS = 4096


class Windows:
    """Parts of sequences to learn from: long sequences have several, short ones are a part by themselves.

    Args:
        records: Subjects.
        longest: The most events of a part.

    Attributes:
        subject_W: The subject of each part.
        number_W: Which of its subject's parts it is.
        weights_W2: For how much the length and the events of a random part count, so that in the mean every length and
            every event counts once.
    """

    def __init__(self, records: Records, longest: int) -> None:
        self.records, self.longest = records, longest
        n_parts = ((records.lengths + longest - 1) // longest).clamp(min=1)
        self.subject_W = torch.repeat_interleave(n_parts)
        self.number_W = torch.arange(len(self.subject_W), device=records.device)
        self.number_W = self.number_W - (n_parts.cumsum(0) - n_parts)[self.subject_W]
        totals, parts = records.lengths[self.subject_W], n_parts[self.subject_W]
        of_events = torch.where(parts == 1, 1.0, (totals + longest - 1) / (parts * longest))
        # A sequence has one length, however many windows; and windows that reach beyond its ends hold fewer events.
        self.weights_W2 = torch.stack([(self.number_W == 0).float(), of_events], 1)

    def __len__(self) -> int:
        return len(self.subject_W)

    def at_random(self, rows: Tensor, generator: torch.Generator) -> Batch:
        """Windows that begin anywhere, those of long sequences also before their first event or near the last one.

        So every event of a sequence is seen equally often.
        """
        subjects = self.subject_W[rows]
        uniforms = torch.rand(len(rows), generator=generator, device=generator.device)
        return self.records.batch(subjects, *window(uniforms, self.records.lengths[subjects], self.longest))

    def in_order(self, rows: Tensor) -> Batch:
        """Windows one after the other."""
        subjects = self.subject_W[rows]
        return self.records.batch(subjects, self.number_W[rows] * self.longest, self.sizes_in_order(rows))

    def sizes_in_order(self, rows: Tensor) -> Tensor:
        """How many events these windows hold, one after the other."""
        left = self.records.lengths[self.subject_W[rows]] - self.number_W[rows] * self.longest
        return left.clamp(max=self.longest)


def window(uniforms: Tensor, totals: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """Where a window begins, and how many events it holds.

    Every event of a longer sequence is in it with the same probability, ``longest / (total + longest - 1)``: it may
    begin before the first event, and end after the last one.

    Args:
        uniforms: What decides, 0 to below 1.
        totals: Number of events of each sequence.
        longest: The most events of a window.

    >>> [each.tolist() for each in window(torch.tensor([0.0, 0.5, 0.99, 0.5]), torch.tensor([4, 4, 4, 2]), 3)]
    [[0, 1, 3, 0], [1, 3, 1, 2]]
    """
    start = (uniforms * (totals + longest - 1)).long() - longest + 1
    end = (start + longest).minimum(totals)
    is_whole = totals <= longest
    start, end = start.clamp(min=0).masked_fill(is_whole, 0), torch.where(is_whole, totals, end)
    return start, end - start


class SequenceTask:
    """Subjects, and the network that learns them.

    Losses are divided by `scale`, so that they do not grow with the usual number of events: learning rates and the
    norm that gradients are clipped to then mean the same as for single rows.

    Args:
        network: The network.
        training: Subjects to learn from.
        validation: Subjects to judge by.
        flexible: Learn every column order of an event; otherwise the natural one only.
        window: The most events of a subject that are seen at once.
        scale: A usual number of events.
        validation_seed: Orders in validation are the same every time, so that losses can be compared.
        n_parts: In how many parts the windows of a step are drawn; see `parts`.
    """

    def __init__(
        self,
        network: SequenceNetwork,
        training: Records,
        validation: Records,
        *,
        flexible: bool,
        window: int = DEFAULT_WINDOW,
        scale: float = 1.0,
        validation_seed: int = 0,
        n_parts: int = 1,
    ) -> None:
        self.network = network
        self.training, self.validation = Windows(training, window), Windows(validation, window)
        self.n_training, self.n_validation = len(self.training), len(validation)
        self._flexible = flexible and network.layout.events.n_columns > 1
        self._scale, self._validation_seed, self._n_parts = scale, validation_seed, n_parts

    def draw(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Codes of windows, the orders of each of their groups of events, and what decides over dropped units.

        Args:
            rows: Indices of windows.
            generator: Source of all that is random.
        """
        parts = [self._draw(part, generator) for part in rows.tensor_split(self._n_parts)]
        return tuple(tensor for part in parts for tensor in part)

    def parts(self, drawn: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
        """What was drawn for each part of the windows, whose losses may be computed apart."""
        n = len(drawn) // self._n_parts
        return [tuple(drawn[start : start + n]) for start in range(0, len(drawn), n)]

    def losses(self, network: nn.Module, drawn: Sequence[Tensor]) -> Tensor:
        """Loss of each of the windows, (B,)."""
        return torch.cat([self.losses_of_part(network, part) for part in self.parts(drawn)])

    def losses_of_part(self, network: nn.Module, drawn: Sequence[Tensor]) -> Tensor:
        """Loss of each of the windows of one of `parts`."""
        assert isinstance(network, SequenceNetwork)
        n_codes, n_noise = Batch.n_tensors(len(network.layout.lists)), network.n_noise
        batch, weights_B2 = Batch.of(drawn[:n_codes]), drawn[n_codes]
        orders, noise = drawn[n_codes + 1 : len(drawn) - n_noise], drawn[len(drawn) - n_noise :]
        losses = network.losses(batch, self._groups(len(batch.events_EK), orders), noise)
        return self._by_subject(batch, *losses, weights_B2)

    def _draw(self, rows: Tensor, generator: torch.Generator) -> list[Tensor]:
        batch = self.training.at_random(rows, generator)
        orders = self._draw_orders(len(batch.events_EK), generator)
        noise = self.network.draw_noise(len(rows), len(batch.events_EK), generator)
        return [*batch.tensors, self.training.weights_W2[rows], *orders, *noise]

    @torch.no_grad()
    def validation_loss(self, network: nn.Module) -> float | None:
        """Mean over windows of validation subjects, without dropout, the same orders every time; None without any."""
        assert isinstance(network, SequenceNetwork)
        if not self.n_validation:
            return None
        generator = torch.Generator(self.validation.records.device).manual_seed(self._validation_seed)
        batches = [(rows, self._draw_orders(self._n_events(rows), generator)) for rows in self._validation_batches()]
        if generator.device.type != "cpu":
            totals = [self._validate(network, *batch) for batch in batches]
        else:
            totals = map_in_threads(lambda batch: self._validate(network, *batch), batches)
        return torch.stack(totals).sum().item() / len(self.validation)  # windows are what a training loss is of

    @torch.no_grad()  # which belongs to a thread
    def _validate(self, network: SequenceNetwork, rows: Tensor, orders: Sequence[Tensor]) -> Tensor:
        """The sum of the losses of some windows."""
        batch = self.validation.in_order(rows)
        losses = network.losses(batch, self._groups(len(batch.events_EK), orders))
        weights_B2 = self.validation.weights_W2[rows].clone()
        weights_B2[:, 1] = 1  # every event is in one window
        return self._by_subject(batch, *losses, weights_B2).sum(dtype=torch.float64)

    def _n_events(self, rows: Tensor) -> int:
        return int(self.validation.sizes_in_order(rows).sum())

    def _by_subject(self, batch: Batch, of_lengths: Tensor, of_events: Tensor, weights_B2: Tensor) -> Tensor:
        summed = torch.zeros_like(of_lengths).index_add(0, batch.subject_E, of_events)
        return (of_lengths * weights_B2[:, 0] + summed * weights_B2[:, 1]) / self._scale

    def _validation_batches(self) -> list[Tensor]:
        rows = torch.arange(len(self.validation), device=self.validation.records.device)
        per_batch = max(1, MAX_VALIDATION_EVENTS // max(1, min(self.validation.longest, self._usual)))
        return list(rows.split(per_batch))

    @property
    def _usual(self) -> int:
        return int(self._scale)

    def _random_part(self, n_events: int) -> tuple[int, int]:
        """How many events are seen in random orders, and how many orders these are."""
        if not self._flexible:
            return 0, 0
        wanted = int(n_events * (1 - NATURAL_SHARE))
        n_orders = min(max(wanted // ROWS_PER_ORDER, 1), MAX_RANDOM_ORDERS)
        return wanted // n_orders * n_orders, n_orders

    def _draw_orders(self, n_events: int, generator: torch.Generator) -> list[Tensor]:
        n_columns, (_, n_orders) = self.network.layout.events.n_columns, self._random_part(n_events)
        return [natural_order(n_columns, generator.device), random_orders(n_orders, n_columns, generator)]

    def _groups(self, n_events: int, orders: Sequence[Tensor]) -> list[OrderGroup]:
        n_random, _ = self._random_part(n_events)
        groups = map(OrderGroup, (n_events - n_random, n_random), orders)
        return [group for group in groups if group.n_rows]
