"""Help can be read: nothing is cut off at 80 columns, defaults are shown, options are in groups."""

import re

import pytest

from synth_engine import __version__

COMMANDS = ["run", "split", "analyze", "encode", "train", "generate", "privacy", "demo"]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_nothing_is_cut_off(synth, monkeypatch, command, width):
    monkeypatch.setenv("COLUMNS", str(width))
    result = synth(*command.split(), "--help")
    assert (result.code, result.err) == (0, "")
    lines = [line for line in result.out.splitlines() if "(s3://…)" not in line and ".parquet, …" not in line]
    assert not any("…" in line for line in lines)
    assert max(map(len, lines)) <= width
    assert "\x1b" not in result.out
    assert "<bool>" not in result.out


def test_help_without_a_command_lists_the_commands(synth):
    for result in (synth(), synth("--help"), synth("-h")):
        assert (result.code, result.err) == (0, "")
        assert [command for command in COMMANDS if f"│ {command} " not in result.out] == []


def test_options_are_in_groups_with_their_defaults(synth):
    text = synth("run", "--help").out
    groups = re.findall(r"^╭─ ([\w ]+?) ─", text, re.MULTILINE)
    assert groups == [
        "Arguments",
        "Options",
        "Columns",
        "Context",
        "Free text",
        "Privacy",
        "Training",
        "Synthetic rows",
        "Wishes",
    ]
    words = " ".join(re.sub("[│─]", " ", text).split())
    for default in ("engine-ws", "0.8", "100", "14400", "MOSTLY_AI/Medium", "CONSTANT", "as many as the original"):
        assert f"[default: {default}]" in words


def test_every_option_of_a_stage_is_one_of_run_as_well(synth):
    options = {command: set(re.findall(r"--[a-z][a-z-]+", synth(command, "--help").out)) for command in COMMANDS}
    of_stages = set().union(*(options[stage] for stage in COMMANDS[1:-1]))
    assert of_stages - options["run"] == {"--seed-data"}


def test_version(synth):
    assert synth("--version").out == f"synth-engine {__version__}\n"
