"""The one training loop, and what it is made of: learner, steppers, gradients, sampling, schedule, averaging, history.

Belongs here: how any model of ours is optimised. Does not belong here: what a record looks like, files, columns.
"""

from synth_engine.training.averaging import WeightAverage
from synth_engine.training.history import History, Record
from synth_engine.training.learner import Learner
from synth_engine.training.loop import Limits, Loop, Outcome
from synth_engine.training.randomness import Randomness
from synth_engine.training.sampling import ShuffledRows
from synth_engine.training.schedule import Schedule
from synth_engine.training.steppers import PlainStepper

__all__ = [
    "History",
    "Learner",
    "Limits",
    "Loop",
    "Outcome",
    "PlainStepper",
    "Randomness",
    "Record",
    "Schedule",
    "ShuffledRows",
    "WeightAverage",
]
