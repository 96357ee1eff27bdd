"""A disk of our own that can be full or read-only; for root only, who may mount one."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    is_root = os.name == "posix" and os.geteuid() == 0
    if not is_root or shutil.which("mount") is None or mount("-t", "tmpfs", "-o", "size=256k", "none", str(place)):
        pytest.skip("needs to mount a disk, which only root may")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def make_read_only(disk: Path) -> None:
    """Let nothing be written on a disk from now on."""
    assert mount("-o", "remount,ro", str(disk)) == 0


def mount(*options: str) -> int:
    """Call `mount`; returns 0 if that worked."""
    return subprocess.run(["mount", *options], check=False, capture_output=True).returncode
