"""Fingerprints of sources."""

import fsspec
import pytest

from synth_engine.domain import InputError
from synth_pipeline.sources import fingerprint


def test_the_same_content_has_the_same_fingerprint(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x\n1\n")
    first = fingerprint(str(tmp_path / "a.csv"))
    assert fingerprint(str(tmp_path / "b.csv"), first.salt) == first
    assert first.bytes == 4


def test_other_content_has_another(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n")
    first = fingerprint(str(path))
    path.write_text("x\n2\n")
    assert fingerprint(str(path), first.salt).digest != first.digest


def test_the_salt_hides_the_content(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    assert fingerprint(str(tmp_path / "a.csv")).digest != fingerprint(str(tmp_path / "a.csv")).digest


def test_a_folder_is_all_its_files(tmp_path):
    (tmp_path / "one.parquet").write_bytes(b"1")
    first = fingerprint(str(tmp_path))
    assert fingerprint(str(tmp_path), first.salt) == first
    (tmp_path / "two.parquet").write_bytes(b"2")
    assert fingerprint(str(tmp_path), first.salt).digest != first.digest


def test_urls(tmp_path):
    with fsspec.open("memory://fingerprint/a.csv", "wb") as file:
        file.write(b"x\n1\n")
    assert fingerprint("memory://fingerprint/a.csv").bytes == 4


@pytest.mark.parametrize("url", ["/nowhere/a.csv", "memory://nowhere/a.csv", "nosuchprotocol://a.csv"])
def test_what_cannot_be_read_is_named(url):
    with pytest.raises(InputError, match=r"source: .*a\.csv"):
        fingerprint(url)
