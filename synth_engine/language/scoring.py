"""How likely records are under a language model."""

import torch
from torch import Tensor

from synth_engine.language.network import LanguageNetwork
from synth_engine.language.records import Records

MAX_TOKENS = 2**14


@torch.no_grad()
def log_prob(
    network: LanguageNetwork, records: Records, orders_NC: Tensor | None = None, max_tokens: int = MAX_TOKENS
) -> Tensor:
    """Log-probability of the values of every record, given its context and its order of columns.

    Args:
        network: The network.
        records: N records.
        orders_NC: Place of every target column in each record; None is the natural order.
        max_tokens: Of a batch, when filled up; a longer record is one by itself.

    Returns:
        Float64 (N,), in nats: sums over the tokens of values and over that right behind each, where it ends. Another
        way to write the same value as tokens is not counted.
    """
    found = torch.zeros(len(records), dtype=torch.float64, device=records.device)
    natural_C = torch.arange(records.n_columns, device=records.device)
    for rows in batches_by_length(records.lengths(), max_tokens):
        orders_BC = natural_C.expand(len(rows), -1) if orders_NC is None else orders_NC[rows]
        found[rows] = -network.losses(records.batch(rows, orders_BC)).double()
    return found


def batches_by_length(lengths_N: Tensor, max_tokens: int) -> list[Tensor]:
    """Records in batches of similar lengths, with `max_tokens` at most when filled up, but at least one record each.

    >>> [rows.tolist() for rows in batches_by_length(torch.tensor([3, 9, 4, 30]), 12)]
    [[0, 2], [1], [3]]
    """
    batches: list[list[int]] = []
    lengths = lengths_N.tolist()
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not batches or (len(batches[-1]) + 1) * lengths[row] > max_tokens:
            batches.append([])
        batches[-1].append(row)
    return [torch.tensor(rows, device=lengths_N.device) for rows in batches]
