"""The entry point: runs the command, and turns whatever happens into an exit code and at most one line."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import TextIO

import typer

from synth_engine.cli.commands import app
from synth_engine.cli.messages import plain_warnings, print_line, told

OK, UNEXPECTED, USER_ERROR, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``synth``.

    Args:
        arguments: The words after the command; None takes those of this process.

    Returns:
        The exit code. 0: done; 1: an error in this program, or nobody reads what it prints; 2: something that the user
        can mend; 130: interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    is_debug = "--debug" in (words[: words.index("--")] if "--" in words else words)
    with plain_warnings():
        try:
            code = app(words, prog_name="synth", standalone_mode=False)
            sys.stdout.flush()
        except (KeyboardInterrupt, typer.Abort):
            code = INTERRUPTED
        except BrokenPipeError:
            _silence(sys.stdout)
            return UNEXPECTED
        except Exception as error:
            return _failed(error, is_debug)
    if code == INTERRUPTED:
        print_line("Interrupted. Stages that were finished are kept.")
    return int(code or OK)


def _failed(error: Exception, is_debug: bool) -> int:
    if is_debug:
        traceback.print_exception(error)
    line = told(error)
    if line is None:
        hint = "" if is_debug else "; --debug shows where it comes from"
        print_line(f"unexpected {type(error).__name__}, an error in synth itself{hint}", is_error=True)
        return UNEXPECTED
    print_line("; ".join([line, *getattr(error, "__notes__", [])]), is_error=True)
    return USER_ERROR


def _silence(stream: TextIO) -> None:
    """Let what is still to be flushed go nowhere, or Python complains at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
