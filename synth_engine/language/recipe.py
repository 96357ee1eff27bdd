"""How language models are trained when nobody says: sizes, batch size, learning rate, weight decay, dropout.

Chosen by measurement, see `docs/decisions/033-language-models.md`; everything follows from the number of records.
"""

import math
from dataclasses import replace

from synth_engine.language.recurrent import RecurrentSizes
from synth_engine.training import Schedule

# Of the network that starts from nothing.
PEAK_RATE_AT_32 = 4e-3
WEIGHT_DECAY = 0.1
EPOCHS_TO_FULL_DECAY = 8
AVERAGE_DECAY = 0.998

# Of adapters. They are few, and what they are beside is as good as it is: a usual rate of LoRA, and no weight decay.
ADAPTER_RATE = 2e-4
ADAPTER_BATCH = 16
ADAPTER_AVERAGE_DECAY = 0.99

PRIVATE_WARMUP_SHARE = 0.05
PRIVATE_COOLDOWN_SHARE = 0.5
# The rate grows with the root of the batch size up to this one.
PRIVATE_MAX_BATCH_FOR_RATE = 512


def batch_size_for(n_training: int) -> int:
    """Records per step: a power of two near a 600th of the records, between 16 and 128.

    >>> [batch_size_for(n) for n in (0, 1_000, 18_000, 1_000_000)]
    [16, 16, 32, 128]
    """
    return int(min(128, max(16, 2 ** round(math.log2(max(n_training, 1) / 600)))))


def schedule_for(n_training: int, batch_size: int) -> Schedule:
    """The schedule for steps of `batch_size` records, from nothing.

    The peak rate grows with the root of the batch size, as suits Adam (arXiv 2205.10287).
    """
    peak = PEAK_RATE_AT_32 * math.sqrt(min(batch_size, max(n_training, 1)) / 32)
    steps = max(1, n_training // batch_size)
    return Schedule(peak=peak, weight_decay=WEIGHT_DECAY, decay_ramp_steps=EPOCHS_TO_FULL_DECAY * steps)


def adapter_schedule() -> Schedule:
    """The schedule for adapters."""
    return Schedule(peak=ADAPTER_RATE, weight_decay=0.0)


def private_schedule_for(steps: int, batch_size: int, *, is_pretrained: bool = False) -> Schedule:
    """Warm up, hold, fall to zero over the second half of exactly so many steps. No loss can change it."""
    length = max(1, round(PRIVATE_COOLDOWN_SHARE * steps))
    at_32 = ADAPTER_RATE if is_pretrained else PEAK_RATE_AT_32
    return Schedule(
        peak=at_32 * math.sqrt(min(batch_size, PRIVATE_MAX_BATCH_FOR_RATE) / 32),
        warmup_steps=max(1, round(PRIVATE_WARMUP_SHARE * steps)),
        weight_decay=0.0,
        cooldown_from=max(0, steps - length),
        cooldown_to=steps,
    )


def private_sizes(sizes: RecurrentSizes) -> RecurrentSizes:
    """Half as wide, one layer, since every weight takes on noise; and no dropout.

    >>> private_sizes(RecurrentSizes(embedding=192, units=256, n_layers=2, dropout=0.2))
    RecurrentSizes(embedding=96, units=128, n_layers=1, dropout=0.0)
    """
    return replace(
        sizes, embedding=max(4, sizes.embedding // 2), units=max(4, sizes.units // 2), n_layers=1, dropout=0.0
    )
