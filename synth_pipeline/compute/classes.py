"""Compute classes: what an op that needs a GPU, or none, is given by the deployment it runs in.

Belongs here: the file named by ``SYNTH_COMPUTE``, and what follows from it for ops. Does not belong here: starting runs
(`routing`, `local`) and steps (`executors`).
"""

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from upath import UPath

from synth_engine.domain import UserError, harmless

CPU = "cpu"
GPU = "gpu"
CLASS_TAG = "synth/compute"
COMPUTE_VARIABLE = "SYNTH_COMPUTE"
# Read by EcsRunLauncher with int(): a number that YAML read as one, or words, would fail only when a run starts.
_NUMBERS = ("ecs/cpu", "ecs/memory", "ecs/ephemeral_storage")


class ComputeError(UserError):
    """The deployment's description of its compute classes is missing, or says something that it cannot say."""


class ComputeClass(BaseModel):
    """What ops of one class are given.

    Attributes:
        pool: Dagster's concurrency pool that each of them takes a place in; none if empty. How many places there are is
            set in the Dagster UI (Deployment → Concurrency), or by ``concurrency.pools.default_limit``.
        tags: Tags of the ops, as the deployment's launchers and executors read them: ``ecs/…``, ``dagster-k8s/config``,
            ``dagster-celery/queue``. What is not text is written as JSON.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pool: str | None = None
    tags: dict[str, str] = {}

    @field_validator("tags", mode="before")
    @classmethod
    def _as_text(cls, tags: Any) -> Any:
        if not isinstance(tags, Mapping):
            return tags
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in tags.items()}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if CLASS_TAG in self.tags:
            raise ValueError(f"the tag {CLASS_TAG!r} is set by the pipeline itself; leave it out")
        for name in _NUMBERS:
            if name in self.tags and not self.tags[name].isdecimal():
                raise ValueError(f"expected a whole number for the tag {name!r}, found {self.tags[name]!r}")
        return self


CLASSES = {CPU: ComputeClass(), GPU: ComputeClass(pool=GPU)}
"""The classes that ops ask for, and what they mean on one machine: no tags, one training at a time."""


class Deployment(BaseModel):
    """What the classes mean here. Those that are not named are as on one machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")], ComputeClass] = {}

    @field_validator("classes")
    @classmethod
    def _complete(cls, named: dict[str, ComputeClass]) -> dict[str, ComputeClass]:
        return CLASSES | named

    @model_validator(mode="before")
    @classmethod
    def _without_classes(cls, found: Any) -> Any:
        return {"classes": {}, **found} if isinstance(found, Mapping) else found

    def named(self, name: str) -> ComputeClass:
        """The class of this name.

        Raises:
            ComputeError: There is none.
        """
        if name not in self.classes:
            raise ComputeError(
                f"expected one of the compute classes {', '.join(self.classes)}, found {name!r}; "
                f"name it in the file of ${COMPUTE_VARIABLE}, or correct the tag {CLASS_TAG!r}"
            )
        return self.classes[name]


def deployment() -> Deployment:
    """The deployment that this process belongs to: the YAML or JSON file named by ``SYNTH_COMPUTE``, or one machine.

    Raises:
        ComputeError: The file is missing or not what it must be.
    """
    return _read(os.environ.get(COMPUTE_VARIABLE, ""))


def compute_tags(name: str) -> dict[str, str]:
    """Tags of an op of a class.

    >>> compute_tags("gpu")["synth/compute"]
    'gpu'
    """
    return {CLASS_TAG: name, **deployment().named(name).tags}


def pool(name: str) -> str | None:
    """The concurrency pool of an op of a class, or None."""
    return deployment().named(name).pool


@lru_cache
def _read(url: str) -> Deployment:
    if not url:
        return Deployment()
    try:
        found = yaml.safe_load(UPath(url).read_text("utf-8"))
        return Deployment.model_validate({} if found is None else found)
    except OSError as error:
        raise ComputeError(f"${COMPUTE_VARIABLE} names {url}, which cannot be read: {error}") from harmless(error)
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ComputeError(f"{url}: expected YAML or JSON, found: {error}") from error
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'the file'}: {each['msg']}" for each in error.errors())
        raise ComputeError(f"{url}: {told}") from error
