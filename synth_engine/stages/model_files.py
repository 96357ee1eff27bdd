"""The files of ``ModelStore/model-data``: what they are called, and how a network is rebuilt from them."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from synth_engine.domain import ArtefactError, ModelType
from synth_engine.encodings import Encoding
from synth_engine.language.network import LanguageNetwork
from synth_engine.language.pretrained import AdapterSizes
from synth_engine.language.recurrent import RecurrentSizes
from synth_engine.sequences.layout import ListLayout, SequenceLayout
from synth_engine.sequences.network import SequenceNetwork
from synth_engine.sequences.task import DEFAULT_WINDOW
from synth_engine.stages.encode import LENGTH
from synth_engine.stages.lists import ListEncoding
from synth_engine.stages.models import default_model
from synth_engine.stages.statistics import FILE_NAME, TableStatistics
from synth_engine.tabular.layout import Column, Layout
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sizes import Sizes, sizes_for
from synth_engine.workspace import Artefact, ArtefactReader, Manifest, Workspace

WEIGHTS_FILE = "model-weights.pt"
CONFIGS_FILE = "model-configs.json"
# Of the data that the model was trained on; the workspace's own may be newer.
STATISTICS_FILE = "model-statistics.json"
CONTEXT_STATISTICS_FILE = "model-context-statistics.json"
PROGRESS_FILE = "progress-messages.csv"
SNAPSHOT_FILE = "training-snapshot.pt"

Network = TabularNetwork | SequenceNetwork | LanguageNetwork
NetworkSizes = Sizes | AdapterSizes | RecurrentSizes


class ModelConfigs(BaseModel):
    """What, beside the statistics, is needed to rebuild the network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    model_type: ModelType = ModelType.TABULAR
    sizes: Annotated[NetworkSizes | None, Field(union_mode="left_to_right")] = None
    enable_flexible_generation: bool
    max_sequence_window: int | None = None

    @property
    def window(self) -> int:
        """The most events of a subject that were seen at once."""
        return self.max_sequence_window or DEFAULT_WINDOW


@dataclass(frozen=True, eq=False)
class Described:
    """What is known of the tables that a model is of.

    Args:
        target: Statistics of the table that is modelled.
        context: Those of the table of the subjects that it belongs to, where there is one.
    """

    target: TableStatistics
    context: TableStatistics | None = None

    @classmethod
    def read(cls, workspace: Workspace) -> tuple["Described", dict[Artefact, Manifest]]:
        """Of the data in a workspace, and the manifests of what that was read from."""
        stats = workspace.read(Artefact.TGT_STATS)
        target, made = TableStatistics.model_validate(stats.json(FILE_NAME)), {Artefact.TGT_STATS: stats.manifest}
        if Artefact.CTX_STATS.folder not in stats.manifest.inputs:
            return cls(target), made
        beside = workspace.read(Artefact.CTX_STATS)
        workspace.read(Artefact.TGT_STATS, made_from={Artefact.CTX_STATS: beside.manifest})
        context = TableStatistics.model_validate(beside.json(FILE_NAME))
        return cls(target, context), made | {Artefact.CTX_STATS: beside.manifest}

    @classmethod
    def of_model(cls, model: ArtefactReader) -> "Described":
        """Of the data that a model was trained on."""
        target = TableStatistics.model_validate(model.json(STATISTICS_FILE))
        if CONTEXT_STATISTICS_FILE not in model.manifest.files:
            return cls(target)
        return cls(target, TableStatistics.model_validate(model.json(CONTEXT_STATISTICS_FILE)))

    @property
    def model_type(self) -> ModelType:
        """What kind of model they are learned by."""
        return ModelType.LANGUAGE if self.target.language else ModelType.TABULAR

    @property
    def default_model(self) -> str:
        """The identifier of the model where nobody names one."""
        return default_model(self.model_type)

    @property
    def has_subjects(self) -> bool:
        """Whether rows belong to subjects, so that these are what is learned from and drawn."""
        return self.target.keys.context_key is not None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to learn: no column but keys, and no numbers of events."""
        if self.model_type is ModelType.LANGUAGE:
            return False
        return sequence_layout_of(self).is_empty if self.has_subjects else not self.target.columns


def layout_of(statistics: TableStatistics) -> Layout:
    """The layout of the code matrix that the statistics imply."""
    return _layout(statistics.columns)


def sequence_layout_of(described: Described) -> SequenceLayout:
    """The layout of the codes of subjects that the statistics imply."""
    target, context, lengths = described.target, described.context, described.target.seq_len
    is_sequential = target.is_sequential and lengths.encoding is not None
    return SequenceLayout(
        context=context_layout_of(context),
        length=_layout({LENGTH: lengths.encoding} if is_sequential and lengths.encoding is not None else {}),
        events=layout_of(target),
        longest=lengths.max,
        lists=() if context is None else tuple(map(_list_layout, context.lists, context.lists.values())),
    )


def context_layout_of(context: TableStatistics | None) -> Layout:
    """The layout of the flat codes of a context: its flat columns, then the lengths of its lists."""
    if context is None:
        return Layout(())
    lengths = [Column(name, each.length_cardinalities, each.length_ranks) for name, each in context.lists.items()]
    return Layout((*layout_of(context).columns, *(column for column in lengths if column.cardinalities)))


def _list_layout(name: str, encoding: ListEncoding) -> ListLayout:
    return ListLayout(_layout({name: encoding.elements}), encoding.longest)


def _layout(columns: Mapping[str, Encoding]) -> Layout:
    return Layout(tuple(Column(name, item.cardinalities, item.ranks()) for name, item in columns.items()))


def load_network(model: ArtefactReader, statistics: TableStatistics, device: torch.device) -> TabularNetwork | None:
    """The trained network of rows, ready for sampling; None where there is no column to model."""
    layout = layout_of(statistics)
    if layout.n_columns == 0:
        return None
    network = _loaded(model, device, lambda _, sizes: TabularNetwork(layout, sizes))
    assert isinstance(network, TabularNetwork)
    return network


def load_sequence_network(
    model: ArtefactReader, described: Described, device: torch.device, window: int | None = None
) -> SequenceNetwork:
    """The trained network of subjects and their events, ready for sampling.

    Args:
        model: Its files.
        described: Statistics of its data.
        device: Where to put it.
        window: The most events of a subject that `losses` is given at once; None is that of training.
    """
    layout = sequence_layout_of(described)
    if layout.is_empty:
        configs = ModelConfigs.model_validate(model.json(CONFIGS_FILE))
        return SequenceNetwork(layout, sizes_for(configs.model, 0), configs.window)
    network = _loaded(model, device, lambda configs, sizes: SequenceNetwork(layout, sizes, window or configs.window))
    assert isinstance(network, SequenceNetwork)
    return network


def _loaded(
    model: ArtefactReader, device: torch.device, build: Callable[[ModelConfigs, Sizes], nn.Module]
) -> nn.Module:
    configs = ModelConfigs.model_validate(model.json(CONFIGS_FILE))
    assert isinstance(configs.sizes, Sizes)
    with torch.random.fork_rng(devices=[]):  # the random start is overwritten at once
        network = build(configs, configs.sizes)
    weights = model.parsed(WEIGHTS_FILE, from_bytes)
    try:
        network.load_state_dict(weights)
    except RuntimeError:
        raise ArtefactError(
            f"{WEIGHTS_FILE}: does not fit the networks of this version of synth_engine; train the model anew with "
            "model_state_strategy='RESET'"
        ) from None
    return network.to(device).eval()


def kept_sizes(old: NetworkSizes, suited: NetworkSizes) -> NetworkSizes:
    """Sizes of a network that starts from the weights of another one: as there, but for what no weight depends on."""
    if isinstance(old, AdapterSizes):
        return replace(suited, rank=old.rank) if isinstance(suited, AdapterSizes) else suited
    return replace(old, dropout=suited.dropout)


def weights_file(network: nn.Module | None) -> dict[str, bytes]:
    """The file with the weights of a network; of none where there is none."""
    weights = {} if network is None else network.state_dict()
    return {WEIGHTS_FILE: to_bytes({name: tensor.cpu() for name, tensor in weights.items()})}


def to_bytes(value: Any) -> bytes:
    """Tensors, numbers and texts, in dicts and lists, as a file."""
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def from_bytes(data: bytes) -> Any:
    """What `to_bytes` was given, on the CPU. Runs no code that the file may hold."""
    return torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
