"""The parent of a dataset: that of its `context`, whose rows are its subjects, or that of `given`, with other columns.

Belongs here: what the stages of a child read of its parent. Does not belong here: whether a dataset can be a parent
(`catalog`), what is counted of subjects and their events (`sequences`).
"""

from dataclasses import dataclass

import pyarrow as pa

from synth_engine.domain import InputError, UserError
from synth_engine.io import read_table
from synth_engine.summary import synthetic_table
from synth_engine.workspace import Artefact, Workspace
from synth_pipeline.catalog import DatasetConfig
from synth_pipeline.resources import Storage


@dataclass(frozen=True)
class Parent:
    """A dataset that another one is made for.

    Attributes:
        name: Of the dataset.
        config: Of the dataset.
        workspace: Of the dataset.
        is_context: Whether its rows are the subjects of the other one's; otherwise they are the same rows.
    """

    name: str
    config: DatasetConfig
    workspace: Workspace
    is_context: bool

    def original(self) -> pa.Table:
        """The original subjects, from the parent's source.

        The column by which they refer to a context of their own is left out: a key tells nothing of a new subject.
        """
        table = source_table(self.config)
        own_key = self.config.context_key
        return table.drop_columns([own_key]) if own_key in table.column_names else table

    def twin_digest(self) -> str:
        """Digest of the synthetic rows that are there now.

        Raises:
            UserError: there are none; which partition has to be made first.
        """
        if not self.workspace.has(Artefact.SYNTHETIC_DATA):
            what = "subjects" if self.is_context else "other columns"
            raise UserError(
                f"its {what} are those of {self.name!r}, whose synthetic data is not there yet; materialise the "
                f"partition {self.name!r} first, then this one"
            )
        return self.workspace.manifest(Artefact.SYNTHETIC_DATA).digest

    def twin(self) -> pa.Table:
        """The synthetic rows, with the types of the original ones."""
        return synthetic_table(str(self.workspace.root))


def parent_of(config: DatasetConfig, storage: Storage) -> Parent | None:
    """The parent that a dataset names, if it names one."""
    name = config.parent
    if name is None:
        return None
    return Parent(name, storage.catalog.load(name), storage.workspace(name), is_context=config.context is not None)


def source_table(config: DatasetConfig) -> pa.Table:
    """The table of a dataset, as far as it is read.

    Raises:
        InputError: a column that is to be left out is not there.
    """
    table = read_table(config.source)
    missing = [name for name in config.leave_out if name not in table.column_names]
    if missing:
        found = ", ".join(table.column_names)
        raise InputError(f"leave_out: expected columns of {config.source}, found {missing[0]!r}; it has {found}")
    return table.drop_columns(list(config.leave_out))
