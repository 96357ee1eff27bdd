"""The parent of a dataset: the dataset that its `context` names, whose rows are the subjects of its events.

Belongs here: what the stages of a child read of its parent. Does not belong here: whether a dataset can be a parent
(`catalog`), what is counted of subjects and their events (`sequences`).
"""

from dataclasses import dataclass

import pyarrow as pa

from synth_engine.domain import UserError
from synth_engine.io import read_table
from synth_engine.summary import synthetic_table
from synth_engine.workspace import Artefact, Workspace
from synth_pipeline.catalog import DatasetConfig
from synth_pipeline.resources import Storage


@dataclass(frozen=True)
class Parent:
    """A dataset as the context of another one."""

    name: str
    config: DatasetConfig
    workspace: Workspace

    def original(self) -> pa.Table:
        """The original subjects, from the parent's source.

        The column by which they refer to a context of their own is left out: a key tells nothing of a new subject.
        """
        table = read_table(self.config.source)
        own_key = self.config.context_key
        return table.drop_columns([own_key]) if own_key in table.column_names else table

    def twin_digest(self) -> str:
        """Digest of the synthetic subjects that are there now.

        Raises:
            UserError: there are none; which partition has to be made first.
        """
        if not self.workspace.has(Artefact.SYNTHETIC_DATA):
            raise UserError(
                f"its subjects are those of {self.name!r}, whose synthetic data is not there yet; materialise the "
                f"partition {self.name!r} first, then this one"
            )
        return self.workspace.manifest(Artefact.SYNTHETIC_DATA).digest

    def twin(self) -> pa.Table:
        """The synthetic subjects, with the types of the original ones."""
        return synthetic_table(str(self.workspace.root))


def parent_of(config: DatasetConfig, storage: Storage) -> Parent | None:
    """The parent that a dataset names, if it names one."""
    if config.context is None:
        return None
    return Parent(config.context, storage.catalog.load(config.context), storage.workspace(config.context))
