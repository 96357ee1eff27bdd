"""What all tests share: the place of the shared data sets, and hypothesis without chance or clock.

Fixtures of one part of the code belong in a conftest.py beside that part's tests.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import synth_engine  # noqa: F401 before torch, whose threads it sets up

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # a slow machine is no fault of the code
)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the repository; a test that needs one is skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real data sets in ../shared/data, which lie beside the repository and not in it")
    return folder
