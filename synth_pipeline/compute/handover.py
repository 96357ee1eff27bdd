"""What one step of a run leaves for another, or a failed run for its retry: numbers and references, never tables.

Belongs here: how these are written, and where. Does not belong here: what they are. They are JSON, as all that is ever
read from a place that others may write to: nothing in it can be run.
"""

import json
import os
from typing import Any

from dagster import InitResourceContext, InputContext, IOManagerDefinition, OutputContext, UPathIOManager, io_manager
from upath import UPath

from synth_pipeline.places import STORAGE_VARIABLE

_FOLDER = ".steps"


class Handover(UPathIOManager):
    """Keeps values of JSON below a folder, one file for each."""

    extension = ".json"

    def dump_to_path(self, context: OutputContext, obj: Any, path: UPath) -> None:
        """Write a value."""
        path.write_text(json.dumps(obj, allow_nan=False))

    def load_from_path(self, context: InputContext, path: UPath) -> Any:
        """Read one."""
        return json.loads(path.read_text())


def handover() -> IOManagerDefinition:
    """The manager of what steps leave.

    Below ``SYNTH_STORAGE``, which every machine of a deployment can reach; without it in the storage of the instance.
    """

    @io_manager(description="What steps leave for each other, as JSON: numbers and references, never tables.")
    def below_storage(context: InitResourceContext) -> Handover:
        if root := os.environ.get(STORAGE_VARIABLE):
            return Handover(base_path=UPath(root) / _FOLDER)
        assert context.instance is not None  # there is one in every run
        return Handover(base_path=UPath(context.instance.storage_directory()) / _FOLDER)

    return below_storage
