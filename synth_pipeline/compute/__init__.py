"""Where work runs: an op says what it needs (``cpu`` or ``gpu``), the deployment says what that means.

Belongs here: compute classes, the launchers and executors of runs. Does not belong here: what an op does. Nothing below
imports torch or the engine's stages: Dagster's daemon and web server load the launchers, too.
"""

from synth_pipeline.compute.classes import (
    CLASS_TAG,
    CLASSES,
    COMPUTE_VARIABLE,
    CPU,
    GPU,
    ComputeClass,
    ComputeError,
    Deployment,
    compute_tags,
    deployment,
    pool,
)
from synth_pipeline.compute.executors import EXECUTOR_VARIABLE, executor
from synth_pipeline.compute.handover import handover
from synth_pipeline.compute.local import LocalRunLauncher
from synth_pipeline.compute.routing import LAUNCHER_TAG, RoutingRunLauncher

__all__ = [
    "CLASSES",
    "CLASS_TAG",
    "COMPUTE_VARIABLE",
    "CPU",
    "EXECUTOR_VARIABLE",
    "GPU",
    "LAUNCHER_TAG",
    "ComputeClass",
    "ComputeError",
    "Deployment",
    "LocalRunLauncher",
    "RoutingRunLauncher",
    "compute_tags",
    "deployment",
    "executor",
    "handover",
    "pool",
]
