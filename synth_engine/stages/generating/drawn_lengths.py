"""Numbers of events: drawn for all subjects at once, within what may be known, and no fewer than are given."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from synth_engine.domain import GenerateConfig
from synth_engine.encodings import Encoding
from synth_engine.sequences.context import Context
from synth_engine.sequences.network import SequenceNetwork
from synth_engine.sequences.sampler import draw_lengths
from synth_engine.stages.lengths import SequenceLengths
from synth_engine.tabular.interventions import Interventions, Seen
from synth_engine.tabular.sampler import DEFAULT_BATCH

Lengths = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class AtLeast:
    """Forbids codes of lengths that are all shorter than a subject needs; a `Mask`.

    Args:
        encoding: Of lengths.
        least: How many events each subject has at least, (S,).
    """

    encoding: Encoding
    least: Lengths

    def allowed(self, k: int, seen: Seen) -> Tensor | None:
        """Codes that can stand for enough events; all where none can."""
        size = list(self.encoding.cardinalities.values())[k]
        begun = np.stack([seen.codes(place).cpu().numpy() for place in range(k)], 1) if k else np.zeros((1, 0))
        kinds, of_row = np.unique(begun, axis=0, return_inverse=True) if k else (begun, np.zeros(1, np.int64))
        tried = np.column_stack([np.repeat(kinds, size, axis=0), np.tile(np.arange(size), len(kinds))])
        extent = self.encoding.extent(tried.astype(np.int32))
        assert extent is not None, "lengths are numbers"
        longest = extent[1].fill_null(-1).to_numpy().reshape(len(kinds), size)[of_row.reshape(-1)]
        enough = longest >= self.least[seen.index.cpu().numpy()][:, None]
        enough |= ~enough.any(1, keepdims=True)
        return torch.from_numpy(enough).to(seen.index.device)


def drawn_lengths(
    network: SequenceNetwork,
    lengths: SequenceLengths,
    context: Context,
    least: Lengths,
    config: GenerateConfig,
    seed: int,
) -> Lengths:
    """The number of events of each subject.

    Args:
        network: A trained network.
        lengths: What is known of them.
        context: Codes of the subjects' context, on the network's device.
        least: How many events of each subject are given.
        config: Settings of `generate`.
        seed: Of all that is random here.

    Guarantees: between the smallest and the largest length that may be known, unless more events are given.
    """
    encoding = lengths.encoding
    if encoding is None or lengths.min == lengths.max:
        return np.maximum(lengths.min, least)
    never = encoding.never_drawn(config.rare_category_replacement_method)
    places = enumerate(encoding.cardinalities)
    wishes = Interventions(
        temperature=config.sampling_temperature,
        top_p=config.sampling_top_p,
        forbidden={place: sorted(never[part]) for place, part in places if never.get(part)},
    )
    if least.any():
        wishes = replace(wishes, masks=[AtLeast(encoding, least)])
    codes = draw_lengths(
        network,
        context,
        torch.Generator().manual_seed(seed),
        interventions=wishes,
        batch_size=config.batch_size or DEFAULT_BATCH,
    )
    decoded = encoding.decode(codes.numpy(), np.random.default_rng(seed)).cast(pa.int64()).fill_null(lengths.min)
    found: Lengths = np.maximum(np.clip(decoded.to_numpy(), lengths.min, lengths.max), least)
    return found
