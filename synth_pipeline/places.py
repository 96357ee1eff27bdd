"""Where the pipeline's files are where nobody says: environment variables, and what is usual without them.

Belongs here: places, and no more than names of them. Does not belong here: Dagster, since the commands do without it.
"""

import os
from pathlib import Path

from upath import UPath

from synth_engine.domain import UserError, without_secrets

STORAGE_VARIABLE = "SYNTH_STORAGE"
DATASETS_VARIABLE = "SYNTH_DATASETS"
INBOX_VARIABLE = "SYNTH_INBOX"
HOME_VARIABLE = "DAGSTER_HOME"


def opened(url: str) -> UPath:
    """The place of a path or URL.

    Raises:
        UserError: it has a password or a query: Dagster shows and logs where everything is.
    """
    if without_secrets(url) != url:
        raise UserError(
            f"{url}: expected a URL without user, password and query, since Dagster shows places to everybody; "
            'give them to fsspec by its configuration, for example FSSPEC_SFTP=\'{"password": "…"}\''
        )
    return UPath(url)


def default_root() -> str:
    """The root of all workspaces by the environment; raises `UserError` where that says nothing."""
    if root := os.environ.get(STORAGE_VARIABLE):
        return root
    if home := os.environ.get(HOME_VARIABLE):
        return root_below(home)
    raise UserError(
        f"expected the place for workspaces in ${STORAGE_VARIABLE}, or ${HOME_VARIABLE} to put them below; "
        "neither is set"
    )


def root_below(home: str | Path) -> str:
    """The root of all workspaces in a home of Dagster."""
    return os.path.join(home, "storage", "synth")


def usual_home() -> Path:
    """Without ``$DAGSTER_HOME``, that of the repository, or else one in the working directory."""
    of_repository = Path(__file__).resolve().parent.parent / "dagster_home"
    usual = of_repository if of_repository.is_dir() else Path("dagster_home")
    return Path(os.environ.get(HOME_VARIABLE) or usual).expanduser().absolute()


def datasets_folder(root: UPath) -> UPath:
    """The folder of the catalogue: ``$SYNTH_DATASETS``, or else ``datasets`` below the root."""
    named = os.environ.get(DATASETS_VARIABLE)
    return opened(named) if named else root / "datasets"


def inbox_folder(root: UPath) -> UPath:
    """Where tables are dropped: ``$SYNTH_INBOX``, or else ``inbox`` below the root."""
    named = os.environ.get(INBOX_VARIABLE)
    return opened(named) if named else root / "inbox"
