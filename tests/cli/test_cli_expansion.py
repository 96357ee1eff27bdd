"""Classes of options: their fields are options, those of the same name one, and every class gets its values."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from synth_engine.cli.expansion import with_options

Number = Annotated[int, typer.Option(help="A number.")]


@dataclass(frozen=True)
class Inner:
    number: Number = 1
    name: Annotated[str | None, typer.Option()] = None


@dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner
    number: Number = 2
    items: Annotated[list[str] | None, typer.Option("--item")] = None
    needed: Annotated[str, typer.Option()]


@pytest.fixture
def call():
    """Runs a command with options in classes; what it was called with, or the exit code."""
    seen = []

    def command(table: Annotated[str, typer.Argument()], outer: Outer, also: Inner, last: Number = 3) -> None:
        """What it does."""
        seen.append((table, outer, also, last))

    app = typer.Typer()
    app.command()(with_options(command))

    def run(*words):
        code = CliRunner().invoke(app, list(words)).exit_code
        return seen.pop() if code == 0 else code

    return run


def test_every_class_gets_the_values_of_its_fields(call):
    words = ["t", "--number", "5", "--name", "x", "--item", "a", "--item", "b", "--needed", "y", "--last", "7"]
    inner = Inner(number=5, name="x")
    assert call(*words) == ("t", Outer(inner=inner, number=5, items=["a", "b"], needed="y"), inner, 7)


def test_the_first_class_decides_on_the_default(call):
    inner = Inner(number=1)
    assert call("t", "--needed", "y") == ("t", Outer(inner=inner, number=1, needed="y"), inner, 3)


def test_a_field_without_default_is_needed(call):
    assert call("t") == 2
