"""The one training loop, and what it is made of: steppers, schedule, averaging, history.

Belongs here: how any model of ours is optimised. Does not belong here: what a batch looks like (that is a `Task`),
files, columns.
"""

from synth_engine.training.averaging import WeightAverage
from synth_engine.training.history import History, Record
from synth_engine.training.loop import Limits, Outcome, Task, fit
from synth_engine.training.schedule import Schedule
from synth_engine.training.steppers import PlainStepper

__all__ = ["History", "Limits", "Outcome", "PlainStepper", "Record", "Schedule", "Task", "WeightAverage", "fit"]
