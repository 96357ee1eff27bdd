"""Work that is done partition by partition, by one process or several: its plan, and the draft that it is written to.

Belongs here: what `encode` and `analyze` have in common when others do a part of them. Does not belong here: what is
done with a partition; shards of synthetic rows (`generating.generation`), which have seeds and tables of the user.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from synth_engine._version import __version__
from synth_engine.domain import ArtefactError, InputError
from synth_engine.workspace import Artefact, Draft, Workspace
from synth_engine.workspace.storage import is_full

# Another version of one may give other bytes for the same rows; an artefact must not be put together from both.
_LIBRARIES = ("numpy", "pyarrow")


class PartsPlan(BaseModel):
    """What is to be done: all that a worker needs to know beside the workspace. Plain JSON, and no secret.

    Attributes:
        stage: ``analyze`` or ``encode``.
        engine_version: Version of the engine that does it.
        parts: Names of the partition files.
        done: Those that were done already when this was planned, by a run that died, or because planning needs it.
        inputs: Digest of each artefact that it is made from, by folder.
        settings: Parameters of the stage, the seed as a digest.
        seed: Sealed: to be read only with the key that lies in ``OriginalData``. Empty where nothing is random.
        draft_key: What the draft is found by that the results are written to.
        draft_id: Tells it from others with the same key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    engine_version: str
    parts: tuple[str, ...]
    done: tuple[str, ...]
    inputs: dict[str, str]
    settings: dict[str, Any]
    seed: str
    draft_key: str
    draft_id: str

    @property
    def missing(self) -> tuple[str, ...]:
        """Partitions that were still to be done when this was planned."""
        done = set(self.done)
        return tuple(part for part in self.parts if part not in done)

    def chosen(self, parts: Iterable[str] | None) -> list[str]:
        """These partitions, each once; all of them for None.

        Raises:
            InputError: there is no such partition.
        """
        wanted = list(self.parts if parts is None else dict.fromkeys(parts))
        known = set(self.parts)
        unknown = [part for part in wanted if part not in known]
        if unknown:
            raise InputError(f"parts: expected names of partitions of the plan, found {unknown[0]!r}")
        return wanted


class PartWork:
    """The draft of a plan, as this process works on it. A context manager.

    Guarantees: nothing is left behind by one who works alone and had nothing done when it failed, nor where what was
    asked for cannot be done.
    """

    def __init__(
        self, workspace: Workspace, artefact: Artefact, draft: Draft, *, is_alone: bool, is_owner: bool = False
    ) -> None:
        self.workspace, self.artefact, self.draft = workspace, artefact, draft
        self._is_alone, self._is_owner = is_alone, is_owner

    @classmethod
    def begin(
        cls, workspace: Workspace, artefact: Artefact, facts: dict[str, Any], *, note: str = "", alone: bool
    ) -> Self:
        """Go on with the draft that was begun on the same facts and not finished, or begin one.

        Args:
            workspace: Where it happens.
            artefact: Which draft it is.
            facts: All that the bytes depend on, as JSON.
            note: What to remember with a draft that is begun.
            alone: Keep other processes from working on the same draft.
        """
        versions = {name: version(name) for name in _LIBRARIES}
        key = workspace.keyed(artefact.made_by, json.dumps([facts, __version__, versions], sort_keys=True))
        draft = workspace.begin_draft(artefact, key, note=note, alone=alone)
        return cls(workspace, artefact, draft, is_alone=alone, is_owner=alone)

    @classmethod
    def open(
        cls, workspace: Workspace, artefact: Artefact, plan: PartsPlan, *, made: Artefact | None = None, alone: bool
    ) -> Self | None:
        """Work on what was planned before; None if it has been published.

        Args:
            workspace: That it was planned in.
            artefact: Which draft it is.
            plan: What was planned.
            made: What it becomes, if that is something else.
            alone: Finish it, and not do a part of it, perhaps together with others.

        Raises:
            ArtefactError: it is no longer there, or was planned by another version.
            InputError: it is the plan of another stage.
        """
        made = made or artefact
        if plan.stage != made.made_by:
            raise InputError(f"plan: expected one of {made.made_by}, found one of {plan.stage}")
        if plan.engine_version != __version__:
            raise ArtefactError(
                f"{workspace.folder(made)}: was planned by version {plan.engine_version} of synth_engine, this is "
                f"{__version__}; go on with the same version, or plan it again"
            )
        draft = workspace.open_draft(artefact, plan.draft_key, plan.draft_id, alone=alone)
        if draft is not None:
            return cls(workspace, made, draft, is_alone=alone)
        if workspace.is_published(made, plan.draft_id):
            return None
        raise ArtefactError(
            f"{workspace.folder(made)}: what was planned is no longer there; {made.made_by} was begun anew since, or "
            "nothing happened to it for a day; plan it again"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        is_refused = self._is_alone and isinstance(error, InputError)
        if is_refused or (error is not None and self._is_owner and self._is_hopeless(error)):
            self.draft.discard()
        self.draft.release()

    def _is_hopeless(self, error: BaseException) -> bool:
        try:
            return is_full(error) or not self.draft.files
        except Exception:  # the storage is out of reach: what is there may stay
            return False

    def plan(self, parts: Iterable[str], inputs: dict[str, str], settings: dict[str, Any]) -> PartsPlan:
        """The plan, as it stands now."""
        names, finished = tuple(parts), self.draft.files
        return PartsPlan(
            stage=self.artefact.made_by,
            engine_version=__version__,
            parts=names,
            done=tuple(part for part in names if part in finished),
            inputs=inputs,
            settings=settings,
            seed=self.draft.note,
            draft_key=self.draft.key,
            draft_id=self.draft.id,
        )

    def missing(self, parts: Iterable[str]) -> list[str]:
        """Which of these partitions are not done yet."""
        files = self.draft.files
        return [part for part in parts if part not in files]

    def check_inputs(self, plan: PartsPlan, inputs: dict[str, str]) -> None:
        """Raise `ArtefactError` where something was replaced since it was planned."""
        changed = sorted(name for name in plan.inputs | inputs if plan.inputs.get(name) != inputs.get(name))
        if changed:
            raise ArtefactError(
                f"{self.workspace.root / changed[0]}: is not what {plan.stage} was planned with; plan it again"
            )

    def is_complete(self, plan: PartsPlan) -> bool:
        """Whether it can be published; False if somebody else has, where there are no locks.

        Raises:
            ArtefactError: not all partitions are done.
        """
        missing = self.missing(plan.parts)
        if missing and self.workspace.is_published(self.artefact, plan.draft_id):
            self.draft.discard()
            return False
        if missing:
            named = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
            raise ArtefactError(
                f"{self.workspace.folder(self.artefact)}: {len(missing)} of {len(plan.parts)} partitions are missing "
                f"({named}); {self.artefact.made_by} them first"
            )
        return True

    @contextmanager
    def released_on_error(self) -> Iterator[None]:
        """Let go of the draft where the block raises."""
        try:
            yield
        except BaseException:
            self.draft.release()
            raise
