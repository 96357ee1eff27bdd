"""What the user says: enumerations, configurations, the progress protocol and the exceptions raised on purpose.

Belongs here: plain values that every other layer may speak of. Does not belong here: files, tensors, statistics.
"""

from synth_engine.domain.config import (
    AnalyzeConfig,
    DifferentialPrivacyConfig,
    FairnessConfig,
    GenerateConfig,
    ImputationConfig,
    RebalancingConfig,
    SplitConfig,
    TrainConfig,
)
from synth_engine.domain.constraints import (
    CombinationsConstraint,
    Constraint,
    InequalityConstraint,
    RangeConstraint,
)
from synth_engine.domain.enums import (
    ModelEncodingType,
    ModelStateStrategy,
    ModelType,
    RareCategoryReplacementMethod,
)
from synth_engine.domain.errors import ArtefactError, InputError, TrainingStoppedError, UserError
from synth_engine.domain.progress import ProgressCallback
from synth_engine.domain.urls import harmless, without_secrets

__all__ = [
    "AnalyzeConfig",
    "ArtefactError",
    "CombinationsConstraint",
    "Constraint",
    "DifferentialPrivacyConfig",
    "FairnessConfig",
    "GenerateConfig",
    "ImputationConfig",
    "InequalityConstraint",
    "InputError",
    "ModelEncodingType",
    "ModelStateStrategy",
    "ModelType",
    "ProgressCallback",
    "RangeConstraint",
    "RareCategoryReplacementMethod",
    "RebalancingConfig",
    "SplitConfig",
    "TrainConfig",
    "TrainingStoppedError",
    "UserError",
    "harmless",
    "without_secrets",
]
