"""Secrets that users must hand to the pipeline turn up nowhere that somebody else reads."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance
from dagster._serdes import serialize_value

from synth_engine.demo import make_shop
from synth_engine.domain import InputError, without_secrets
from synth_engine.io import read_table, write_table
from synth_pipeline.definitions import build_definitions
from synth_pipeline.partitions import register
from synth_pipeline.resources import Storage

PASSWORD, TOKEN, HOOK = "pass-3f9a1c", "token-77b0de", "hook-c41d20"
SECRETS = (PASSWORD, TOKEN, HOOK)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serves a table to whoever asks, at a URL with a password and a signed query."""
    make_shop(120, seed=0).customers.to_csv(tmp_path / "customers.csv", index=False)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path))

        def log_message(self, *_: Any) -> None:
            """Nothing: it would be in the way."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://me:{PASSWORD}@127.0.0.1:{serving.server_port}/FILE?signature={TOKEN}"
        serving.shutdown()


def told(where: str) -> list[str]:
    return [secret for secret in SECRETS if secret in where]


def below(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes().decode("latin-1")


@pytest.mark.parametrize("name", ["customers.csv", "missing.csv", "customers.csv.gz"])
def test_no_run_tells_them(server: str, name: str, tmp_path: Path, monkeypatch, capfd):
    """Of a run that works and of ones that fail: events, metadata, output, and all files but the dataset's own."""
    monkeypatch.setenv("SYNTH_WEBHOOK", f"http://127.0.0.1:1/{HOOK}")
    root, home = tmp_path / "storage", tmp_path / "home"
    home.mkdir()
    settings = {
        "source": server.replace("FILE", name),
        "primary_key": "customer_id",
        "train": {"max_epochs": 0.1, "model": "MOSTLY_AI/Small"},
    }
    (root / "datasets").mkdir(parents=True)
    (root / "datasets" / "secret.yaml").write_text(yaml.safe_dump(settings))
    with DagsterInstance.local_temp(str(home)) as instance:
        register(instance, "secret")
        definitions = build_definitions(storage=Storage(root=str(root)))
        job = definitions.resolve_job_def("synthesize")
        result = job.execute_in_process(instance=instance, partition_key="secret", raise_on_error=False)
        assert result.success == (name == "customers.csv")
        events = [serialize_value(event) for event in instance.all_logs(result.run_id)]
        assert len(events) > 5
        assert not told("\n".join(events))
    captured = capfd.readouterr()
    assert not told(captured.out + captured.err)
    files = [*below(root), *below(home)]
    assert len(files) > 5
    assert [path.name for path, text in files if told(text)] == ["secret.yaml"]


@pytest.mark.parametrize("name", ["missing.csv", "missing.parquet", "customers.csv.gz", "customers.txt", "folder"])
def test_errors_of_reading_do_not_tell_them(server: str, name: str, tmp_path: Path):
    (tmp_path / "customers.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(InputError) as failure:
        read_table(server.replace("FILE", name))
    chain, error = [], failure.value
    while error is not None:
        chain.append(str(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert not told("\n".join(chain))
    assert name in chain[0]


def test_errors_of_writing_do_not_tell_them():
    with pytest.raises(InputError) as failure:
        write_table(make_shop(2, seed=0).customers, f"http://me:{PASSWORD}@127.0.0.1:1/table?x={TOKEN}")
    assert not told(str(failure.value))


def test_the_list_of_datasets_does_not_tell_them(tmp_path: Path):
    (tmp_path / "datasets").mkdir()
    source = f"s3://me:{PASSWORD}@bucket/customers.parquet?versionId={TOKEN}"
    (tmp_path / "datasets" / "secret.yaml").write_text(yaml.safe_dump({"source": source}))
    done = subprocess.run(
        [sys.executable, "-m", "synth_engine", "dataset", "list"],
        env={**os.environ, "SYNTH_STORAGE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "s3://bucket" in done.stdout
    assert not told(done.stdout + done.stderr)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://key:se/cret@bucket/x", "s3://key:se/cret@bucket/x"),  # no such URL: a slash in a password is written %2F
        ("s3://key:se%2Fcret@bucket/x", "s3://bucket/x"),
        ("https://h/x?sig=a&b=c", "https://h/x"),
        ("simplecache::https://u:p@h/x?a", "simplecache::https://h/x"),
        ("404, url='https://u:p@h/x?a=b' and more", "404, url='https://h/x' and more"),
        ("/home/me@here/table?.csv", "/home/me@here/table?.csv"),
        ("file:///home/me@here/t.csv", "file:///home/me@here/t.csv"),
        ("postgresql://u:p@ss@h:5432/db", "postgresql://h:5432/db"),
        ("no url", "no url"),
    ],
)
def test_what_may_be_shown(text: str, shown: str):
    assert without_secrets(text) == shown
