"""How a tabular network is trained when nobody says: batch size, learning rate, weight decay.

Chosen by measurement, see `docs/log.md`; everything follows from the number of rows.
"""

import math

from synth_engine.training import Schedule

PEAK_RATE_AT_256 = 5e-3
WEIGHT_DECAY = 1.0
EPOCHS_TO_FULL_DECAY = 8
AVERAGE_DECAY = 0.998


def batch_size_for(n_training: int) -> int:
    """Rows per step: a power of two near an eightieth of the rows, between 32 and 1024.

    >>> [batch_size_for(n) for n in (0, 1_000, 20_000, 1_000_000)]
    [32, 32, 256, 1024]
    """
    return int(min(1024, max(32, 2 ** round(math.log2(max(n_training, 1) / 80)))))


def schedule_for(n_training: int, batch_size: int) -> Schedule:
    """The schedule for steps of `batch_size` rows.

    The peak rate grows with the root of the batch size, as suits Adam (arXiv 2205.10287).
    """
    return Schedule(
        peak=PEAK_RATE_AT_256 * math.sqrt(min(batch_size, max(n_training, 1)) / 256),
        weight_decay=WEIGHT_DECAY,
        decay_ramp_steps=EPOCHS_TO_FULL_DECAY * max(1, n_training // batch_size),
    )


PRIVATE_AVERAGE_DECAY = 0.99


def private_batch_size_for(n_training: int) -> int:
    """Records that a step of private training is expected to have: more of them drown the noise."""
    return int(min(8192, max(64, 2 ** round(math.log2(max(n_training, 1) / 16)))))


def private_schedule_for(steps: int) -> Schedule:
    """A schedule that looks at nothing but the number of steps."""
    return Schedule(peak=PEAK_RATE_AT_256, warmup_steps=max(1, steps // 20), weight_decay=0.0, cooldown_share=1.0)
