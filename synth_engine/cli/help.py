"""How help looks: typer's, without a type beside options that take no value."""

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


class Command(TyperCommand):
    """A command whose ``--help`` shows no type."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option ``--help``."""
        return _without_type(super().get_help_option(ctx))


class Group(TyperGroup):
    """A group of commands whose ``--help`` shows no type."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option ``--help``."""
        return _without_type(super().get_help_option(ctx))


def no_command(context: typer.Context) -> None:
    """What happens without a command: help."""
    typer.echo(context.get_help(), nl=False)


def _without_type(option: Any) -> Any:
    if option is not None:
        option.metavar = ""
    return option
