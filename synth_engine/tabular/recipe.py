"""How a tabular network is trained when nobody says: batch size, learning rate, weight decay, epochs, dropout.

Chosen by measurement, see `docs/log.md`; everything follows from the number of rows. Private training has a recipe of
its own: large batches, since the noise of a step is the same for many records as for few; no dropout and no weight
decay, since noise regularises enough; and a schedule that looks at no loss.
"""

import math
from dataclasses import replace

from synth_engine.tabular.sizes import Sizes
from synth_engine.training import Schedule

PEAK_RATE_AT_256 = 5e-3
WEIGHT_DECAY = 1.0
EPOCHS_TO_FULL_DECAY = 8
AVERAGE_DECAY = 0.998
# What the cool-down is for, less noise in the weights, averaging them has done already. So it may be short, and begin
# when little is left to win: more epochs teach single rows sooner than they make new ones likelier.
MIN_GAIN = 5e-4
COOLDOWN_SHARE = 0.15

PRIVATE_SHARE_OF_A_STEP = 1 / 20
PRIVATE_EPOCHS = 20.0
PRIVATE_WARMUP_SHARE = 0.05
PRIVATE_COOLDOWN_SHARE = 0.5
PRIVATE_AVERAGE_DECAY = 0.99
# The rate grows with the root of the batch size up to this one; beyond, training becomes unstable.
PRIVATE_MAX_BATCH_FOR_RATE = 2048


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
        min_gain=MIN_GAIN,
        cooldown_share=COOLDOWN_SHARE,
    )


def private_batch_size_for(n_training: int) -> int:
    """Rows that a private step is expected to see: a fixed share, so that all tables take as many steps an epoch.

    >>> [private_batch_size_for(n) for n in (0, 1_000, 20_000, 1_000_000)]
    [1, 50, 1000, 50000]
    """
    return max(1, round(PRIVATE_SHARE_OF_A_STEP * n_training))


def private_schedule_for(steps: int, batch_size: int) -> Schedule:
    """Warm up, hold, fall to zero over the second half of exactly so many steps. No loss can change it."""
    length = max(1, round(PRIVATE_COOLDOWN_SHARE * steps))
    return Schedule(
        peak=PEAK_RATE_AT_256 * math.sqrt(min(batch_size, PRIVATE_MAX_BATCH_FOR_RATE) / 256),
        warmup_steps=max(1, round(PRIVATE_WARMUP_SHARE * steps)),
        weight_decay=0.0,
        cooldown_from=max(0, steps - length),
        cooldown_to=steps,
    )


def private_sizes(sizes: Sizes) -> Sizes:
    """Half as wide, since every weight takes on noise; without residual layers and dropout.

    >>> private_sizes(Sizes(embedding=16, hidden=64))
    Sizes(embedding=16, hidden=32, n_residual=0, dropout=0.0)
    """
    return replace(sizes, hidden=max(4, sizes.hidden // 2), n_residual=0, dropout=0.0)
