"""Asset checks: one file per question that is asked of an artefact, over what making it has ensured already."""

from synth_pipeline.checks.gate import gate
from synth_pipeline.checks.referential_integrity import referential_integrity

__all__ = ["gate", "referential_integrity"]
