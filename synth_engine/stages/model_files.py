"""The files of ``ModelStore/model-data``: how they are written, and how a network is rebuilt from them."""

import io
import json
import time
from collections.abc import Callable
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from synth_engine.domain import ModelType, TrainConfig
from synth_engine.stages.statistics import TableStatistics
from synth_engine.tabular.layout import Column, Layout
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sizes import DEFAULT, Sizes, sizes_for
from synth_engine.training import History, Outcome
from synth_engine.workspace import Artefact, ArtefactReader, Manifest, Workspace

WEIGHTS_FILE = "model-weights.pt"
CONFIGS_FILE = "model-configs.json"
PROGRESS_FILE = "progress-messages.csv"
# A better model is written at most this often, in seconds; the last one always is.
SAVE_INTERVAL = 10.0


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
    network.load_state_dict(torch.load(io.BytesIO(model.bytes(WEIGHTS_FILE)), weights_only=True, map_location="cpu"))
    return network.to(device).eval()


class ModelSaver:
    """Writes the best model so far as a complete artefact, not too often, and at the end always."""

    def __init__(
        self,
        workspace: Workspace,
        config: TrainConfig,
        inputs: dict[Artefact, Manifest],
        callback: Callable[[], Any] | None,
    ) -> None:
        self._workspace, self._config, self._inputs, self._callback = workspace, config, inputs, callback
        self._saved_at = time.monotonic()

    def on_best(self, network: nn.Module, history: History) -> None:
        """Save now, unless the last time was only just."""
        assert isinstance(network, TabularNetwork)
        if time.monotonic() - self._saved_at >= SAVE_INTERVAL:
            self._save(network, history, None)

    def finish(self, network: TabularNetwork | None, history: History, outcome: Outcome | None) -> None:
        """Save the best model with the whole history."""
        self._save(network, history, outcome)

    def _save(self, network: TabularNetwork | None, history: History, outcome: Outcome | None) -> None:
        settings = self._config.model_dump(mode="json")
        with self._workspace.replace(Artefact.MODEL_DATA, config=settings, inputs=self._inputs) as writer:
            writer.write_bytes(WEIGHTS_FILE, _to_bytes({} if network is None else network.state_dict()))
            configs = ModelConfigs(
                model=self._config.model or DEFAULT,
                sizes=network.sizes if network else sizes_for(self._config.model, 0),
                enable_flexible_generation=self._config.enable_flexible_generation,
            )
            writer.write_json(CONFIGS_FILE, json.loads(configs.model_dump_json()))
            writer.write_bytes(PROGRESS_FILE, history.to_csv().encode())
            writer.facts = {
                "finished": outcome is not None or network is None,
                "outcome": None if outcome is None else vars(outcome),
                "parameters": 0 if network is None else sum(p.numel() for p in network.parameters()),
            }
        self._saved_at = time.monotonic()
        if self._callback is not None:
            self._callback()


def _to_bytes(state: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    torch.save({name: tensor.cpu() for name, tensor in state.items()}, file)
    return file.getvalue()
