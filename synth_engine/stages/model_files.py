"""The files of ``ModelStore/model-data``: what they are called, and how a network is rebuilt from them."""

import io
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict

from synth_engine.domain import ModelType
from synth_engine.stages.statistics import TableStatistics
from synth_engine.tabular.layout import Column, Layout
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sizes import Sizes
from synth_engine.workspace import ArtefactReader

WEIGHTS_FILE = "model-weights.pt"
CONFIGS_FILE = "model-configs.json"
# Of the data that the model was trained on; the workspace's own may be newer.
STATISTICS_FILE = "model-statistics.json"
PROGRESS_FILE = "progress-messages.csv"
SNAPSHOT_FILE = "training-snapshot.pt"


class ModelConfigs(BaseModel):
    """What, beside the statistics, is needed to rebuild the network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    model_type: ModelType = ModelType.TABULAR
    sizes: Sizes
    enable_flexible_generation: bool


def layout_of(statistics: TableStatistics) -> Layout:
    """The layout of the code matrix that the statistics imply."""
    return Layout(tuple(Column(name, item.cardinalities, item.ranks()) for name, item in statistics.columns.items()))


def load_network(model: ArtefactReader, statistics: TableStatistics, device: torch.device) -> TabularNetwork | None:
    """The trained network, ready for sampling; None where there is no column to model."""
    layout = layout_of(statistics)
    if layout.n_columns == 0:
        return None
    configs = ModelConfigs.model_validate(model.json(CONFIGS_FILE))
    with torch.random.fork_rng(devices=[]):  # the random start is overwritten at once
        network = TabularNetwork(layout, configs.sizes)
    network.load_state_dict(from_bytes(model.bytes(WEIGHTS_FILE)))
    return network.to(device).eval()


def to_bytes(value: Any) -> bytes:
    """Tensors, numbers and texts, in dicts and lists, as a file."""
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def from_bytes(data: bytes) -> Any:
    """What `to_bytes` was given, on the CPU. Runs no code that the file may hold."""
    return torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
