"""The original tables of a workspace, as split wrote them: column by column, and whom their rows belong to."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import pyarrow as pa

from synth_engine.domain import ModelEncodingType, ModelType
from synth_engine.encodings.fitting import FitterOf
from synth_engine.encodings.list_arrays import is_list
from synth_engine.stages.lists import fitter_of
from synth_engine.stages.relations import Subjects
from synth_engine.stages.statistics import Keys
from synth_engine.stages.table_schema import restore_types
from synth_engine.workspace import Artefact, ArtefactReader, Manifest, Workspace
from synth_engine.workspace.artefacts import TRAINING, VALIDATION


@dataclass(frozen=True, eq=False)
class OriginalTable:
    """One of the tables, with its exact types."""

    data: ArtefactReader
    meta: ArtefactReader

    @cached_property
    def schema(self) -> pa.Schema:
        """Schema of the user's table."""
        return self.meta.schema("schema.arrow")

    @cached_property
    def keys(self) -> Keys:
        """Its key columns."""
        return Keys(**self.meta.json("keys.json"))

    @cached_property
    def types(self) -> dict[str, ModelEncodingType]:
        """Encoding type of every modelled column."""
        return {name: ModelEncodingType(kind) for name, kind in self.meta.json("encoding-types.json").items()}

    @property
    def model_type(self) -> ModelType:
        """What kind of model it is for; a workspace of an earlier version does not say, and is tabular."""
        return ModelType(self.meta.manifest.config.get("model_type", ModelType.TABULAR))

    def fitter(self, column: str) -> FitterOf[Any]:
        """What fits the encoding of a column."""
        return fitter_of(self.types[column], self.schema.field(column).type, self.model_type)

    def holds_lists(self, column: str) -> bool:
        """Whether a column has a list in each row."""
        return is_list(self.schema.field(column).type)

    @property
    def parts(self) -> list[str]:
        """Names of the partition files of both roles."""
        return self.data.parts(TRAINING) + self.data.parts(VALIDATION)

    def table(self, part: str, columns: list[str] | None = None) -> pa.Table:
        """A partition, or some columns of it."""
        schema = self.schema if columns is None else pa.schema([self.schema.field(name) for name in columns])
        return restore_types(self.data.table(part, columns), schema)

    def column(self, part: str, name: str) -> pa.Array:
        """One column of a partition; nothing else of it is decoded."""
        return self.table(part, [name])[name].combine_chunks()


@dataclass(frozen=True, eq=False)
class Original:
    """The target table and, where there is one, its context table; their partitions have the same names."""

    target: OriginalTable
    context: OriginalTable | None

    @classmethod
    def read(cls, workspace: Workspace) -> Self:
        """Open what split wrote; raises `ArtefactError` where it is missing, or not all of one split."""
        data = workspace.read(Artefact.TGT_DATA)
        meta = workspace.read(Artefact.TGT_META, made_from={Artefact.TGT_DATA: data.manifest})
        target = OriginalTable(data, meta)
        if Artefact.CTX_DATA.folder not in meta.manifest.inputs:
            return cls(target, None)
        beside = workspace.read(Artefact.CTX_DATA, made_from={Artefact.TGT_DATA: data.manifest})
        workspace.read(Artefact.TGT_META, made_from={Artefact.CTX_DATA: beside.manifest})
        about = workspace.read(Artefact.CTX_META, made_from={Artefact.CTX_DATA: beside.manifest})
        return cls(target, OriginalTable(beside, about))

    @property
    def inputs(self) -> dict[Artefact, Manifest]:
        """Manifests of the target's artefacts and of the context's."""
        made = {Artefact.TGT_DATA: self.target.data.manifest, Artefact.TGT_META: self.target.meta.manifest}
        if self.context is None:
            return made
        return made | {
            Artefact.CTX_DATA: self.context.data.manifest,
            Artefact.CTX_META: self.context.meta.manifest,
        }

    def subjects(self, part: str) -> Subjects | None:
        """Whom the rows of a partition belong to, subject by subject; None where each is a subject of its own."""
        key = self.target.keys.context_key
        if key is None:
            return None
        events = pa.table({key: self.target.column(part, key)})
        if self.context is None:
            return Subjects.of(events, key)
        context_key = self.context.keys.primary_key
        assert context_key is not None
        return Subjects.of(events, key, pa.table({context_key: self.context.column(part, context_key)}), context_key)
