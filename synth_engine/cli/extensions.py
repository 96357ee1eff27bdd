"""Commands that other packages add to ``synth``: found by their entry points, loaded when they are asked for.

Belongs here: finding and loading. Does not belong here: any command, and any name of a package that has some.
"""

from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer

from synth_engine.cli.help import Group
from synth_engine.domain import InputError

ENTRY_POINTS = "synth.commands"
"""Group of entry points: the name is that of the command, the object a `typer.Typer`, the extra what it needs."""


class ExtensibleGroup(Group):
    """A group of commands that other packages add to; what cannot be loaded for lack of a package is not listed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands of its own, then the others."""
        own = super().list_commands(ctx)
        return [*own, *(point.name for point in _others(own) if _is_complete(point))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One of its own, or else one that is loaded for it."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        point = next((point for point in _others([]) if point.name == cmd_name), None)
        return None if point is None else _loaded(point)


def _others(own: list[str]) -> Iterator[EntryPoint]:
    """Entry points by name, each once: a package may be seen twice, installed and in the working directory."""
    seen = set(own)
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        if point.name not in seen:
            seen.add(point.name)
            yield point


def _is_complete(point: EntryPoint) -> bool:
    try:
        point.load()
    except Exception:  # whatever it is, help is shown; who asks for the command is told
        return False
    return True


def _loaded(point: EntryPoint) -> Any:
    try:
        app = point.load()
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] == point.module.partition(".")[0]:
            raise  # not a package that is lacking, but an error in the one that is there
        extra = f"by pip install 'synth-engine[{','.join(point.extras)}]'" if point.extras else f"or {point.value}"
        raise InputError(
            f"{point.name}: needs the package {error.name}, which is not installed; install it, for example {extra}"
        ) from None
    command = typer.main.get_command(app)
    command.name = point.name
    return command
