"""A generation at work: what is planned, which shards are there, which are missing.

Belongs here: what the steps of `synth_engine.stages.shards` have in common. Does not belong here: how rows are drawn
(`row_source`, `sequence_source`), how files are staged (`synth_engine.workspace.drafts`).
"""

import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import version
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from synth_engine._version import __version__
from synth_engine.domain import ArtefactError, GenerateConfig, InputError
from synth_engine.stages.generating import shard_sizes
from synth_engine.stages.table_input import TableLike
from synth_engine.workspace import Artefact, Draft, Workspace
from synth_engine.workspace.artefacts import part_name
from synth_engine.workspace.storage import is_full

if TYPE_CHECKING:  # with it comes torch
    from synth_engine.stages.generating.opening import Source

_ARTEFACT = Artefact.SYNTHETIC_DATA
# Another version of one may give other bytes for the same rows; a table must not be put together from both.
_LIBRARIES = ("numpy", "pyarrow", "torch")
_SEED_BYTES = 8


class GenerationPlan(BaseModel):
    """What is to be generated: all that a worker needs to know beside the workspace. Plain JSON, and no secret.

    Attributes:
        engine_version: Version of the engine that draws it.
        n_rows: Number of rows altogether, or of subjects where rows are events of subjects.
        unit: ``rows`` or ``subjects``: what `n_rows` counts.
        n_shards: Number of shards; they count from 0.
        drawn: Shards that were there already when this was planned, drawn by a run that died.
        settings: Parameters of `generate`, the seed as a digest.
        seed: Sealed: to be read only with the key that lies in ``OriginalData``.
        seed_data: Keyed digest of the seed data, which every worker is given; None without.
        ctx_data: The same of the context data.
        inputs: Digest of each artefact that the rows are drawn from, by folder.
        draft_key: What the draft is found by that the shards are written to.
        draft_id: Tells it from others with the same key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine_version: str
    n_rows: int
    unit: str
    n_shards: int
    drawn: tuple[int, ...]
    settings: dict[str, Any]
    seed: str
    seed_data: str | None
    ctx_data: str | None
    inputs: dict[str, str]
    draft_key: str
    draft_id: str

    @property
    def missing(self) -> tuple[int, ...]:
        """Shards that were still to be drawn when this was planned."""
        return tuple(sorted(set(range(self.n_shards)) - set(self.drawn)))


@dataclass(frozen=True, eq=False)
class GivenTables:
    """Tables that the user gives beside the settings; see `generate`."""

    seed_data: TableLike | None = None
    ctx_data: TableLike | None = None


class Generation:
    """A plan, and the draft that its shards are written to, as this process works on them. A context manager.

    Guarantees: what was drawn is not drawn again, and nothing is published before every shard is there.
    """

    def __init__(
        self, workspace: Workspace, plan: GenerationPlan, draft: Draft, source: "Source | None", *, is_owner: bool
    ) -> None:
        self.plan = plan
        self._workspace, self._draft, self._source, self._is_owner = workspace, draft, source, is_owner

    @classmethod
    def begin(cls, workspace: Workspace, config: GenerateConfig, given: GivenTables, *, alone: bool) -> Self:
        """Check everything, plan, and go on with the draft that a run with the same settings left, if there is one.

        Args:
            workspace: Where the model is, and where the rows go.
            config: Parameters of `generate`.
            given: Tables that go with it.
            alone: Keep other processes from working on the same draft.
        """
        from synth_engine.stages.generating.opening import open_source

        source = open_source(workspace, config, given.seed_data, given.ctx_data)
        facts = _facts(workspace, config, source)
        draft = workspace.begin_draft(_ARTEFACT, _key(workspace, facts), note=_sealed(workspace, source), alone=alone)
        try:
            files = draft.files
            drawn = tuple(shard for shard in range(source.n_shards) if part_name(shard) in files)
            plan = GenerationPlan(**facts, drawn=drawn, seed=draft.note, draft_key=draft.key, draft_id=draft.id)
            return cls(workspace, plan, draft, _with_seed(workspace, source, plan), is_owner=alone)
        except BaseException:
            draft.release()
            raise

    @classmethod
    def open(
        cls, workspace: Workspace, plan: GenerationPlan, given: GivenTables | None = None, *, to_draw: bool
    ) -> Self | None:
        """Work on what was planned before; None if it has been published.

        Args:
            workspace: That it was planned in.
            plan: What was planned.
            given: The same tables that it was planned with; needed to draw.
            to_draw: Draw, perhaps together with others; otherwise finish, alone.

        Raises:
            ArtefactError: it is no longer there, or cannot be drawn any more.
            InputError: the tables are not those of the plan.
        """
        draft = workspace.open_draft(_ARTEFACT, plan.draft_key, plan.draft_id, alone=not to_draw)
        if draft is None and workspace.is_published(_ARTEFACT, plan.draft_id):
            return None
        if draft is None:
            raise ArtefactError(
                f"{workspace.folder(_ARTEFACT)}: the planned generation is no longer there; another one was begun "
                "since, or nothing happened to it for a day; plan it again"
            )
        try:
            source = _opened(workspace, plan, given or GivenTables()) if to_draw else None
            return cls(workspace, plan, draft, source, is_owner=False)
        except BaseException:
            draft.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._is_owner:
            self._give_up(error)
        self._draft.release()

    def done(self) -> int:
        """How many rows, or subjects, are in the shards that are there."""
        files = self._draft.files
        return sum(self.size(shard) for shard in range(self.plan.n_shards) if part_name(shard) in files)

    def size(self, shard: int) -> int:
        """How many rows, or subjects, a shard has."""
        assert self._source is not None
        return self._source.size(shard)

    def missing(self, shards: Iterable[int]) -> list[int]:
        """Which of these shards are not there yet."""
        files = self._draft.files
        return [shard for shard in shards if part_name(shard) not in files]

    def draw(self, shard: int) -> int:
        """Draw a shard and put it away; returns the number of its rows, or subjects."""
        assert self._source is not None
        self._draft.write_table(part_name(shard), self._source.shard(shard))
        return self.size(shard)

    def finish(self) -> None:
        """Publish the shards, if nobody else has.

        Raises:
            ArtefactError: not all are there.
        """
        missing = self.missing(range(self.plan.n_shards))
        if missing and self._workspace.is_published(_ARTEFACT, self.plan.draft_id):  # where there are no locks
            self._draft.discard()
            return
        if missing:
            named = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
            raise ArtefactError(
                f"{self._workspace.folder(_ARTEFACT)}: {len(missing)} of {self.plan.n_shards} shards are missing "
                f"({named}); draw them first"
            )
        wanted = set(map(part_name, range(self.plan.n_shards)))
        files = {name: file for name, file in self._draft.files.items() if name in wanted}
        self._workspace.publish(_ARTEFACT, self._draft, files, config=self.plan.settings, inputs=self.plan.inputs)

    def _give_up(self, error: BaseException) -> None:
        """Leave what another run can go on with; nothing, where the disk is full or there is nothing yet."""
        try:
            done = self.done()
        except Exception:  # the storage is out of reach: what is there may stay
            return
        if done == 0 or is_full(error):
            self._draft.discard()
        else:
            whole = f"{self.plan.n_rows:,} {self.plan.unit}"
            error.add_note(f"{done:,} of {whole} are kept: generate goes on from there.")


def _facts(workspace: Workspace, config: GenerateConfig, source: "Source") -> dict[str, Any]:
    return {
        "engine_version": __version__,
        "n_rows": source.n_rows,
        "unit": source.unit,
        "n_shards": source.n_shards,
        "settings": workspace.recorded(config.model_dump(mode="json")),
        **_digests(workspace, source),
        "inputs": _inputs(source),
    }


def _inputs(source: "Source") -> dict[str, str]:
    return {artefact.folder: manifest.digest for artefact, manifest in source.inputs.items()}


def _key(workspace: Workspace, facts: dict[str, Any]) -> bytes:
    """Stands for all that the bytes of the shards depend on; without the workspace's key it tells nothing."""
    versions = {name: version(name) for name in _LIBRARIES}
    sizes = shard_sizes.SHARD_ROWS, shard_sizes.SHARD_RECORDS
    return workspace.keyed("generate", json.dumps([facts, versions, sizes], sort_keys=True))


def _opened(workspace: Workspace, plan: GenerationPlan, given: GivenTables) -> "Source":
    from synth_engine.stages.generating.opening import open_source

    if plan.engine_version != __version__:
        raise ArtefactError(
            f"{workspace.folder(_ARTEFACT)}: was planned by version {plan.engine_version} of synth_engine, this is "
            f"{__version__}; draw it with the same version, or plan it again"
        )
    config = GenerateConfig.of(**{**plan.settings, "random_state": None})  # what is recorded of it is not the seed
    source = open_source(workspace, config, given.seed_data, given.ctx_data)
    if _inputs(source) != plan.inputs:
        place = workspace.folder(Artefact.MODEL_DATA)
        raise ArtefactError(f"{place}: is not the model that was planned with; plan the generation again")
    for name, digest in _digests(workspace, source).items():
        if digest != getattr(plan, name):
            raise InputError(f"{name}: expected the table that was planned with, found another one, or none")
    return _with_seed(workspace, source, plan)


def _sealed(workspace: Workspace, source: "Source") -> str:
    return workspace.seal(source.seed.to_bytes(_SEED_BYTES, "big"))


def _with_seed(workspace: Workspace, source: "Source", plan: GenerationPlan) -> "Source":
    try:
        return replace(source, seed=int.from_bytes(workspace.unseal(plan.seed), "big"))
    except ValueError:
        raise ArtefactError(
            f"{workspace.root}: the generation was planned in another workspace, or OriginalData/hash-key was lost "
            "since; plan it again"
        ) from None


class _Digest(io.RawIOBase):
    """A write-only file that only hashes what passes through it."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.hash.update(data)
        return len(data)


def _digests(workspace: Workspace, source: "Source") -> dict[str, str | None]:
    """Of tables that were given. Keyed, since a plan may be handed over: nobody can try out which rows were given."""
    digests = {name: _digest(workspace, name, table) for name, table in source.given.items()}
    return {name: digests.get(name) for name in ("seed_data", "ctx_data")}


def _digest(workspace: Workspace, name: str, table: pa.Table) -> str:
    sink, whole = _Digest(), table.combine_chunks()
    with pa.ipc.new_stream(sink, whole.schema) as stream:
        stream.write_table(whole)
    return workspace.keyed(name.replace("_", " "), sink.hash.hexdigest()).hex()
