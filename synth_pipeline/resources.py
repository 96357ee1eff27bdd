"""Resources: where workspaces and datasets lie, who listens to the progress of a run, who is told of failures.

Belongs here: what a deployment may set. Does not belong here: what a dataset says (`catalog`).
"""

import html
import http.client
import json
import logging
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from dagster import ConfigurableResource
from pydantic import BaseModel, ConfigDict, Field
from upath import UPath

from synth_engine.domain import ProgressCallback, without_secrets
from synth_engine.workspace import Workspace
from synth_pipeline.catalog import Catalog
from synth_pipeline.places import (
    DATASETS_VARIABLE,
    STORAGE_VARIABLE,
    datasets_folder,
    default_root,
    inbox_folder,
    opened,
)

WEBHOOK_VARIABLE = "SYNTH_WEBHOOK"
_LOG = logging.getLogger(__name__)
_MAX_TEXT = 3_000  # Slack cuts longer messages into several


class Storage(ConfigurableResource[None]):
    """Where the pipeline's files are. What is left empty is found when it is needed, on the machine that needs it."""

    root: str = Field(
        default="",
        description=f"Path or fsspec URL; the workspace of a dataset is the folder of its name below. "
        f"Empty: ${STORAGE_VARIABLE}, or else $DAGSTER_HOME/storage/synth.",
    )
    datasets: str = Field(
        default="",
        description=f"Path or fsspec URL of the folder with one YAML file per dataset. "
        f"Empty: ${DATASETS_VARIABLE}, or else the folder 'datasets' below the root.",
    )

    @property
    def folder(self) -> UPath:
        """The root of all workspaces."""
        return opened(self.root or default_root())

    @property
    def catalog(self) -> Catalog:
        """The catalogue of datasets."""
        return Catalog(opened(self.datasets) if self.datasets else datasets_folder(self.folder))

    @property
    def inbox(self) -> UPath:
        """Where tables are dropped: ``$SYNTH_INBOX``, or else the folder ``inbox`` below the root."""
        return inbox_folder(self.folder)

    def published(self, named: str | None = None) -> UPath:
        """Where datasets are published: what a dataset's file names, below the root where that is relative."""
        if named is not None and ("://" in named or UPath(named).is_absolute()):
            return UPath(named)
        return self.folder / (named or "published")

    def workspace(self, dataset: str) -> Workspace:
        """A dataset's workspace."""
        return Workspace(self.folder / dataset)


class Listener:
    """Hears of every stage of a run; this one ignores it. that of `synth_pipeline.demo` shows it in the terminal."""

    def started(self, stage: str) -> ProgressCallback | None:
        """A stage is about to run; returns what the engine shall call while it works."""
        return None

    def finished(self, stage: str, metadata: Mapping[str, Any]) -> None:
        """A stage has ended; `metadata` is what its asset shows."""


class Notice(BaseModel):
    """Something that an operator should know. It quotes no data, and no secrets of URLs.

    Args:
        title: In a few words.
        text: What happened, and what to do.
        dataset: Whose; None where it is about several.
        step: Of the run.
        run_id: Of the run.
        link: Where to see more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    text: str
    dataset: str | None = None
    step: str | None = None
    run_id: str | None = None
    link: str | None = None

    def lines(self) -> list[str]:
        """All of it, line by line."""
        facts = {"dataset": self.dataset, "step": self.step, "run": self.run_id, "see": self.link}
        lines = [self.title, self.text, *(f"{name}: {value}" for name, value in facts.items() if value)]
        return [*map(without_secrets, lines)]


class Notifier(ConfigurableResource[None]):
    """Tells operators: in the log and, where there is one, to an incoming webhook as Slack understands it.

    The URL of the webhook is a secret: who has it can write there. So what is configured is the name of the environment
    variable that holds it, and neither configuration nor messages ever contain the URL itself.

    Guarantees: `notify` never raises and takes a bounded time, whatever the webhook does.
    """

    webhook_variable: str = Field(
        default=WEBHOOK_VARIABLE, description="Name of the environment variable with the URL of the webhook."
    )
    timeout_seconds: float = Field(default=5.0, gt=0, description="How long to wait for the webhook.")

    def notify(self, notice: Notice, log: logging.Logger | None = None) -> None:
        """Tell of something.

        Args:
            notice: What.
            log: Where it is written as well; None is the log of this module.
        """
        log = log or _LOG
        log.warning("\n".join(notice.lines()))
        if url := os.environ.get(self.webhook_variable):
            trouble = _post(url, {"text": _as_slack_text(notice)}, self.timeout_seconds)
            if trouble:
                log.warning(f"the webhook in ${self.webhook_variable} could not be told: {trouble}")


def _as_slack_text(notice: Notice) -> str:
    """As ``mrkdwn``, see https://docs.slack.dev/messaging/formatting-message-text."""
    title, *others = (html.escape(line, quote=False) for line in notice.lines())
    return "\n".join([f"*{title}*", *others])[:_MAX_TEXT]


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """The answer with the redirection becomes an error: it could lead anywhere."""


def _post(url: str, message: Mapping[str, Any], seconds: float) -> str | None:
    """What went wrong, without the URL; None if nothing did."""
    if not url.lower().startswith(("http://", "https://")):
        return "expected a URL that begins with https:// or http://"
    try:
        request = urllib.request.Request(url, json.dumps(message).encode(), {"Content-Type": "application/json"})
        urllib.request.build_opener(_NoRedirection).open(request, timeout=seconds).close()
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answered {error.code}"
    except (OSError, ValueError, http.client.HTTPException) as error:  # their words can contain the URL
        return type(error).__name__
    return None
