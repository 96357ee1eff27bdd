"""Running one stage of the engine for one dataset: only if it is needed, with its progress and its errors shown.

Belongs here: what all stages have in common. Does not belong here: what is particular to one asset (`assets`), the
decision whether a stage is needed (`freshness`).
"""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dagster import AssetObservation, DataVersion, Failure, MaterializeResult, OpExecutionContext
from pydantic import BaseModel, ConfigDict

from synth_engine import __version__
from synth_engine.domain import ArtefactError, ModelStateStrategy, ProgressCallback, UserError
from synth_engine.workspace import Artefact, Manifest, Workspace
from synth_pipeline import metadata
from synth_pipeline.catalog import DatasetConfig
from synth_pipeline.claims import HeldClaim, claimed
from synth_pipeline.freshness import INTERRUPTED, Wanted, why_rebuild
from synth_pipeline.parents import Parent, parent_of
from synth_pipeline.progress import EpochReports, both
from synth_pipeline.records import Record, read_record, write_record
from synth_pipeline.resources import Listener, Storage

# A run that was requested because the data drifted says by this tag that training begins from the model that is there.
STRATEGY_TAG = "synth/model_state_strategy"
RESOURCES = {"storage", "listener"}
# A run makes them one after the other.
ORDER = (
    "original_data",
    "column_stats",
    "encoded_data",
    "model_store",
    "synthetic_data",
    "quality_report",
    "published_data",
)


@dataclass(frozen=True)
class Stage:
    """One stage of the engine.

    Attributes:
        name: The verb.
        asset: The asset that it makes.
        makes: Artefacts that it writes; the first one's manifest holds the settings.
        makes_of_context: Those that it writes as well where the dataset has a context.
    """

    name: str
    asset: str
    makes: tuple[Artefact, ...]
    makes_of_context: tuple[Artefact, ...] = ()


class Outcome(BaseModel):
    """What became of a stage: the version of its artefact, and whether it was made now."""

    model_config = ConfigDict(frozen=True)

    version: str
    reason: str | None
    seconds: float | None

    @property
    def rebuilt(self) -> bool:
        """Whether the stage ran."""
        return self.reason is not None


@dataclass(frozen=True)
class StageRun:
    """One stage of one dataset inside an op."""

    context: OpExecutionContext
    stage: Stage
    dataset: str
    config: DatasetConfig
    workspace: Workspace
    parent: Parent | None
    listener: Listener
    claim: HeldClaim

    @property
    def subjects(self) -> Parent | None:
        """The parent, if it is the context."""
        return self.parent if self.parent is not None and self.parent.is_context else None

    @property
    def makes(self) -> tuple[Artefact, ...]:
        """Artefacts that the stage writes for this dataset."""
        return self.stage.makes + (self.stage.makes_of_context if self.subjects else ())

    def ensure(
        self,
        verb: Callable[..., None],
        settings: BaseModel | None = None,
        *,
        because: str | None = None,
        remember: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """Run the stage if it is needed.

        Args:
            verb: The engine's function.
            settings: Its configuration; the fields are its parameters.
            because: A reason to run it, known to the caller.
            remember: What else its `Record` is to hold.
        """
        reason = self.why(settings, because)
        if reason is None:
            return self.outcome(None)
        arguments = dict(settings or {}) | self._strategy(reason)
        begin = time.monotonic()
        verb(workspace_dir=self.place, update_progress=self.callback(), **arguments)
        return self.made(reason, time.monotonic() - begin, remember or {})

    def _strategy(self, reason: str) -> dict[str, Any]:
        """How a training begins, where the settings are not to say it."""
        if self.stage.name != "train":
            return {}
        if reason == INTERRUPTED:  # nothing else changed since
            return {"model_state_strategy": ModelStateStrategy.resume}
        wanted = self.context.run.tags.get(STRATEGY_TAG)
        if wanted is None or not self.workspace.has(Artefact.MODEL_DATA):
            return {}
        try:
            return {"model_state_strategy": ModelStateStrategy(wanted)}
        except ValueError:
            known = ", ".join(each.value for each in ModelStateStrategy)
            raise UserError(f"run tag {STRATEGY_TAG}: expected one of {known}, found {wanted!r}") from None

    def why(self, settings: BaseModel | None, because: str | None = None) -> str | None:
        """Why the stage has to run; None if its result is current. Says so in the log.

        Args:
            settings: Its configuration.
            because: A reason known to the caller.
        """
        reason = because or self._why_rebuild(settings)
        told = f"runs, because {reason}" if reason else "has nothing to do, its result is current"
        self.context.log.info(f"{self.dataset}: {self.stage.name} {told}")
        return reason

    @property
    def place(self) -> str:
        """Where the engine works."""
        return str(self.workspace.root)

    def callback(self) -> ProgressCallback | None:
        """What the engine calls while it works."""
        return both(EpochReports(self._observe), self.listener.started(self.stage.name))

    def made(self, reason: str, seconds: float, remember: Mapping[str, Any]) -> Outcome:
        """Remember that the stage has run, and what is known of it beside.

        Args:
            reason: Why.
            seconds: How long that took, all ops together.
            remember: What else its `Record` is to hold.
        """
        record = Record(version=self._version(), seconds=seconds, run_id=self.context.run_id, **remember)
        write_record(self.workspace, self.stage.asset, record)
        return self.outcome(reason)

    def record(self) -> Record | None:
        """What the pipeline remembers of the artefact that is there."""
        return read_record(self.workspace, self.stage.asset, self._version())

    def result(self, outcome: Outcome, facts: Mapping[str, Any]) -> MaterializeResult[Any]:
        """The materialization of the asset."""
        manifests = [self.workspace.manifest(artefact) for artefact in self.makes]
        record = self.record()
        made_by = record.run_id if record else None
        shown = {
            **facts,
            **metadata.provenance(manifests, self.workspace, outcome.reason, outcome.seconds, made_by),
        }
        self.end(shown)
        return MaterializeResult(metadata=shown, data_version=DataVersion(outcome.version))

    def end(self, shown: Mapping[str, Any]) -> None:
        """Tell what was made; with the last asset of the run the workspace is free for others."""
        self.listener.finished(self.stage.name, shown)
        if self._is_last():
            self.claim.release()

    def remember(self, **facts: Any) -> None:
        """Add to what is remembered of the artefact that is there."""
        if (record := self.record()) is not None:
            write_record(self.workspace, self.stage.asset, record.model_copy(update=facts))

    def outcome(self, reason: str | None) -> Outcome:
        """The version that is there now."""
        record = self.record()
        return Outcome(version=self._version(), reason=reason, seconds=record.seconds if record else None)

    def _is_last(self) -> bool:
        """Whether no asset of this run is made after this one."""
        made = {key.to_user_string() for key in self.context.job_def.asset_layer.selected_asset_keys}
        return self.stage.asset == [asset for asset in ORDER if asset in made][-1]

    def _version(self) -> str:
        digests = [found.digest for artefact in self.makes if (found := self._found(artefact))]
        return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()

    def _why_rebuild(self, settings: BaseModel | None) -> str | None:
        config = self.workspace.recorded(settings.model_dump(mode="json")) if settings else {}
        for artefact in self.makes:
            found = self._found(artefact)
            inputs = {name: self._digest(name) for name in (found.inputs if found else ())}
            main = artefact is self.makes[0]
            wanted = Wanted(config if main else None, inputs, __version__)
            damaged = _damaged(self.workspace, artefact) if found else []
            if reason := why_rebuild(found, wanted, damaged):
                return reason
        return None

    def _found(self, artefact: Artefact) -> Manifest | None:
        try:
            return self.workspace.manifest(artefact)
        except UserError:  # missing, or of a format that this version cannot read: either way it is made anew
            return None

    def _digest(self, folder: str) -> str | None:
        found = next((self._found(artefact) for artefact in Artefact if artefact.folder == folder), None)
        return found.digest if found else None

    def _observe(self, facts: Mapping[str, Any]) -> None:
        event = AssetObservation(asset_key=self.stage.asset, partition=self.dataset, metadata=facts)
        self.context.log_event(event)


def _damaged(workspace: Workspace, artefact: Artefact) -> list[str]:
    """Files that are not what their manifest says.

    By content on a local disk; by size elsewhere: object stores guard contents themselves, and reading costs more.
    """
    folder, reader = workspace.folder(artefact), workspace.read(artefact)
    folder.fs.invalidate_cache()
    is_local = folder.protocol in ("", "file", "local")

    def intact(name: str) -> bool:
        try:
            if is_local:
                reader.bytes(name)
            return (folder / name).stat().st_size == reader.manifest.files[name].bytes
        except (FileNotFoundError, ArtefactError):
            return False

    return [name for name in reader.manifest.files if not intact(name)]


@contextmanager
def running(context: OpExecutionContext, stage: Stage) -> Iterator[StageRun]:
    """The stage, for the dataset that is the op's partition.

    The run claims the workspace, so that no other one writes it.

    An error that a user can mend ends the op as a `Failure` that says how, without retries. An interruption passes
    through untouched: the engine leaves what was there before as it was.
    """
    storage: Storage = context.resources.storage
    dataset = context.partition_key
    try:
        config, workspace = storage.catalog.load(dataset), storage.workspace(dataset)
        parent = parent_of(config, storage)
        with claimed(workspace, dataset, context.run, context.instance) as claim, gpu_memory_given_back():
            yield StageRun(context, stage, dataset, config, workspace, parent, context.resources.listener, claim)
    except (UserError, NotImplementedError) as error:
        raise Failure(description=f"{dataset}: {error}", allow_retries=False) from error


@contextmanager
def gpu_memory_given_back() -> Iterator[None]:
    """What torch keeps of a GPU's memory for later goes back when the block ends, however it does.

    A process may live on: that of a run with all its steps, or of a worker with other runs.
    """
    try:
        yield
    finally:
        torch = sys.modules.get("torch")  # where nobody has imported it, nobody has used a GPU
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.empty_cache()
