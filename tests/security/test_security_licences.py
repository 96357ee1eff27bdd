"""Everything that an installation brings may be used and passed on; nobody is surprised by a licence."""

import importlib.util
from importlib.metadata import metadata

import pytest

from tests.conftest import ROOT

_spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "_hooks.py")
hooks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hooks)

KNOWN = ("Apache", "MIT", "BSD", "ISC", "PSF", "Python Software Foundation", "MPL", "Mozilla", "Zlib")
KNOWN_COPYLEFT = {"psycopg2-binary": "Lesser General Public License"}  # a library that is linked as it comes


@pytest.mark.parametrize("name", hooks.dependencies())
def test_licence(name: str):
    licence = hooks.licence_of(metadata(name))
    assert any(known in licence for known in (*KNOWN, KNOWN_COPYLEFT.get(name, "MIT"))), f"{name}: {licence!r}"
    assert name in KNOWN_COPYLEFT or "GPL" not in licence


def test_all_extras_are_looked_at():
    found = hooks.dependencies()
    assert found["torch"] == ["core"]
    assert found["dagster"] == ["pipeline", "aws", "celery", "k8s"]
    assert "psycopg2-binary" in found
    assert "pytest" not in found
