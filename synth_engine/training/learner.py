"""All that changes while a model is trained, in one place, so that a snapshot of it can forget nothing.

Belongs here: what it is made of, and how it is put away and taken up again. Does not belong here: when that is done
(`loop`), in which file (the stages). There are no generators among it: see `randomness`.
"""

import copy
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from synth_engine.training.averaging import WeightAverage
from synth_engine.training.history import History
from synth_engine.training.schedule import Schedule
from synth_engine.training.steppers import Stepper

Snapshot = dict[str, Any]


@dataclass
class Counters:
    """How far a training is.

    Args:
        step: Steps taken.
        samples: Records seen in them.
        seconds: Time that they took, as of the last snapshot or since the start of the training.
        best_loss: Smallest loss of an epoch so far.
        limit: What the cool-down began for, ``time`` or ``epochs``, so as to end within it; None where it did not.
    """

    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    best_loss: float = math.inf
    limit: str | None = None


@dataclass
class Learner:
    """A network in training.

    Args:
        network: What is trained.
        stepper: Takes the steps.
        schedule: Learning rates.
        average: Running average of the weights: what is validated.

    Attributes:
        best: The averaged network of the best epoch; the untrained one before there was any.
        counters: How far it is.
        history: What happened, epoch by epoch.
        losses: Those of the steps of the present epoch.

    Guarantees: with `snapshot` and `restore` in between, every later step gives the same bits as without.
    """

    network: nn.Module
    stepper: Stepper
    schedule: Schedule
    average: WeightAverage
    counters: Counters = field(default_factory=Counters)
    history: History = field(default_factory=History)
    losses: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.best = copy.deepcopy(self.average.module)

    def keep_as_best(self) -> None:
        """The averaged weights of now are the best so far."""
        self.best.load_state_dict(self.average.module.state_dict())

    def snapshot(self) -> Snapshot:
        """A copy of everything, on the CPU: tensors, numbers and texts, in dicts and lists."""
        return {
            "network": _copied(self.network.state_dict()),
            "average": _copied(self.average.module.state_dict()),
            "best": _copied(self.best.state_dict()),
            "optimizer": _copied(self.stepper.state()),
            "updates": self.average.updates,
            "schedule": asdict(self.schedule),
            "counters": asdict(self.counters),
            "history": [asdict(record) for record in self.history.records],
            "losses": _copied(self.losses),
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Take up a snapshot of a learner that was made in the same way."""
        self.network.load_state_dict(snapshot["network"])
        self.average.module.load_state_dict(snapshot["average"])
        self.average.updates = snapshot["updates"]
        self.best.load_state_dict(snapshot["best"])
        self.stepper.load_state(snapshot["optimizer"])
        self.schedule = replace(self.schedule, **snapshot["schedule"])
        self.counters = Counters(**snapshot["counters"])
        self.history = History.of(snapshot["history"])
        device = next(self.network.parameters()).device
        self.losses = [loss.to(device) for loss in snapshot["losses"]]


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {name: _copied(item) for name, item in value.items()}
    return [_copied(item) for item in value]
