"""What a dataset's file says of its release.

Belongs here: keys of the section ``release``. Does not belong here: limits, which are the engine's; publishing.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from synth_engine.report import Limits


class ReleaseConfig(BaseModel):
    """When and where synthetic rows are published."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    limits: Limits = Limits()
    """What is tolerated; where a check that blocks fails, nothing is published."""
    publish_to: Annotated[str, Field(min_length=1)] | None = None
    """Folder or fsspec URL below which each dataset has a folder of its own; relative paths begin at the root of the
    storage. Left out, it is ``published`` there."""
    qa: bool = False
    """Whether `mostlyai-qa` is asked as well, which takes minutes."""
