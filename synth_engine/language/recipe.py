"""How a language model is trained when nobody says: batch size, learning rate, weight decay."""

from dataclasses import replace

from synth_engine.language.recurrent import RecurrentSizes
from synth_engine.training import Schedule


def batch_size_for(n_training: int) -> int:
    return 64 if n_training > 2000 else 16


def schedule_for(n_training: int, batch_size: int) -> Schedule:
    return Schedule(peak=3e-3, weight_decay=0.1, decay_ramp_steps=1)


def private_schedule_for(steps: int, batch_size: int) -> Schedule:
    return Schedule(peak=3e-3, warmup_steps=1, weight_decay=0.0, cooldown_from=steps // 2, cooldown_to=steps)


def private_sizes(sizes: RecurrentSizes) -> RecurrentSizes:
    return replace(sizes, dropout=0.0)
