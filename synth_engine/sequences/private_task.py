"""The task of subjects for differentially private training: no subject's loss depends on which others are there."""

import torch
from torch import Tensor, nn

from synth_engine.nn import Taps
from synth_engine.nn.orders import natural_order, random_orders
from synth_engine.sequences.network import SequenceNetwork
from synth_engine.sequences.records import Records
from synth_engine.sequences.task import DEFAULT_WINDOW, window
from synth_engine.tabular.network import OrderGroup
from synth_engine.tabular.task import MAX_RANDOM_ORDERS, NATURAL_SHARE

# What is drawn for each subject: whether its order is random, which one it is, and where its window begins.
_N_UNIFORMS = 3


class PrivateSequenceTask:
    """Subjects, each a record with all that belongs to it: context, number of events, events.

    A subject draws one column order for all of its events, and where it has more than `longest` one window of them,
    whose losses stand for those of all its events.

    Guarantees:
        - the orders that there are depend on nothing but the generator; which of them a subject has, and which window,
          depends on its number and the generator alone: neither on other subjects nor on how many there are, here or
          in the table. (Dropout, of which there is none in private training, would be independent of them, too.)
        - the loss of a subject depends on its own codes and on those choices;
        - over all windows, the mean of its loss is that of the whole sequence.

    Args:
        records: Training subjects.
        flexible: Learn every column order of an event; otherwise the natural one only.
        longest: The most events of a subject that are seen at once.
        scale: A usual number of events, which losses are divided by. It is public.
        n_orders: Random orders in a batch.
        natural_share: Probability of the natural order.
    """

    def __init__(
        self,
        records: Records,
        *,
        flexible: bool,
        longest: int = DEFAULT_WINDOW,
        scale: float = 1.0,
        n_orders: int = MAX_RANDOM_ORDERS,
        natural_share: float = NATURAL_SHARE,
    ) -> None:
        self._records, self._longest, self._scale = records, longest, scale
        self._n_orders = n_orders if flexible else 0
        self._natural_share = natural_share

    def batch_losses(
        self, network: nn.Module, rows: Tensor, generator: torch.Generator, taps: Taps | None = None
    ) -> Tensor:
        """Negative log-likelihood of each of the subjects, (B,), in nats by `scale`; sorted by their orders.

        Args:
            network: The network.
            rows: Indices of training subjects.
            generator: Source of their orders, their windows and of dropout.
            taps: For norms of their gradients.
        """
        assert isinstance(network, SequenceNetwork)
        n_columns, device = network.layout.events.n_columns, generator.device
        orders = torch.cat([natural_order(n_columns, device), random_orders(self._n_orders, n_columns, generator)])
        # All subjects draw, so that nobody's place in a batch matters.
        uniforms = torch.rand(len(self._records), _N_UNIFORMS, generator=generator, device=device)[rows]
        chosen = self._choices(uniforms)
        in_groups = chosen.argsort(stable=True)
        rows, chosen, totals = rows[in_groups], chosen[in_groups], self._records.lengths[rows[in_groups]]
        starts, sizes = window(uniforms[in_groups, 2], totals, self._longest)
        batch = self._records.batch(rows, starts, sizes)
        n_events = torch.bincount(chosen[batch.subject_E], minlength=len(orders)).tolist()
        groups = [OrderGroup(n, orders[i : i + 1]) for i, n in enumerate(n_events) if n]
        noise = network.draw_noise(len(rows), len(batch.events_EK), generator)
        of_lengths, of_events = network.losses(batch, groups, noise, taps)
        weights = self._weights(totals)[batch.subject_E]
        return of_lengths.index_add(0, batch.subject_E, of_events * weights) / self._scale

    def _choices(self, uniforms: Tensor) -> Tensor:
        """For each subject the number of its order: 0, the natural one, with its probability, or else another one."""
        is_random = uniforms[:, 0] >= self._natural_share
        which = 1 + (uniforms[:, 1] * self._n_orders).long().clamp(max=self._n_orders - 1)
        return is_random * which if self._n_orders else torch.zeros_like(which)

    def _weights(self, totals: Tensor) -> Tensor:
        """How many events each event of a window stands for: one by the probability that it is seen."""
        seen_by = (totals + self._longest - 1) / self._longest
        return torch.where(totals > self._longest, seen_by, torch.ones_like(seen_by))
