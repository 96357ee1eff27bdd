"""Secrets stay where they were said: in no log, message, metadata, manifest, report or publication."""

import base64
import json
import logging
import os
import re
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
import yaml
from dagster import AssetKey, DagsterInstance, instance_for_test, serialize_value
from dagster_shared.error import SerializableErrorInfo
from typer.testing import CliRunner
from upath import UPath

from synth_engine.cli import main
from synth_engine.demo import make_shop
from synth_engine.domain import ArtefactError, InputError, UserError, without_secrets
from synth_engine.io import read_table
from synth_engine.workspace import Workspace, storage
from synth_pipeline.catalog import Catalog, CatalogError
from synth_pipeline.cli import app
from synth_pipeline.compute import classes
from synth_pipeline.definitions import build_definitions
from synth_pipeline.partitions import register
from synth_pipeline.resources import Notice, Notifier, Storage
from tests.pipeline.automated import HEARD, Automated

pytest.importorskip("aiohttp")

PASSWORD, TOKEN = "Pa55wordOfSource", "S1gnatureOfSource"
SECRETS = (PASSWORD, TOKEN)
FROM_ENVIRONMENT = {
    "SYNTH_WEBHOOK": "http://127.0.0.1:9/W3bhookSecret",
    "AWS_SECRET_ACCESS_KEY": "AwsK3ySecret",
    "DAGSTER_PG_PASSWORD": "P0stgresSecret",
}
ALL_SECRETS = (*SECRETS, "W3bhookSecret", "AwsK3ySecret", "P0stgresSecret")
FORGOTTEN = "http://me:{}@127.0.0.1:{}/{}?X-Amz-Signature={}"


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[int]:
    """Port of a server of customers.parquet, for who has password and token; other names are not found."""
    path = tmp_path_factory.mktemp("served") / "customers.parquet"
    make_shop(200, seed=0).customers.to_parquet(path, index=False)
    content = path.read_bytes()
    expected = "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_allowed = self.headers.get("Authorization") == expected and TOKEN in self.path
            is_there = "customers.parquet" in self.path
            self.send_response(200 if is_allowed and is_there else 404 if is_allowed else 403)
            self.send_header("Content-Length", str(len(content) if is_allowed and is_there else 0))
            self.end_headers()
            if is_allowed and is_there and self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield httpd.server_port
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def url_of(server: int, name: str = "customers.parquet") -> str:
    return FORGOTTEN.format(PASSWORD, server, name, TOKEN)


def files_below(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def leaks(text: str | bytes, secrets: tuple[str, ...] = ALL_SECRETS) -> list[str]:
    found = text.encode() if isinstance(text, str) else text
    return [secret for secret in secrets if secret.encode() in found]


@pytest.fixture
def said(capfd, caplog) -> SimpleNamespace:
    """What was written anywhere by the end: to the terminal, and to Python's logs."""
    caplog.set_level(logging.INFO)  # at DEBUG fsspec itself writes down what it opens
    told = SimpleNamespace()

    def all_of_it() -> str:
        out, err = capfd.readouterr()
        return out + err + caplog.text

    told.read = all_of_it
    return told


def run(root: Path, instance: DagsterInstance, selection: list[AssetKey] | None = None):
    register(instance, "customers")
    definitions = build_definitions(storage=Storage(root=str(root)))
    return definitions.resolve_job_def("synthesize").execute_in_process(
        instance=instance, partition_key="customers", asset_selection=selection, raise_on_error=False
    )


def events_of(instance: DagsterInstance, run_id: str) -> str:
    return "\n".join(serialize_value(entry) for entry in instance.all_logs(run_id)) + "\n".join(
        entry.user_message or "" for entry in instance.all_logs(run_id)
    )


def configure(root: Path, source: str) -> None:
    (root / "datasets").mkdir(parents=True, exist_ok=True)
    train = {"model": "MOSTLY_AI/Small", "max_epochs": 1}
    settings = {"source": source, "primary_key": "customer_id", "train": train, "release": {}}
    (root / "datasets" / "customers.yaml").write_text(yaml.safe_dump(settings))


def test_what_is_shown_of_a_source(server, tmp_path, said):
    configure(tmp_path, url_of(server))
    with DagsterInstance.ephemeral() as instance:
        done = run(tmp_path, instance, [AssetKey("original_data")])
        assert done.success, [event.message for event in done.get_step_failure_events()]
        shown = instance.get_latest_materialization_event(AssetKey("original_data")).asset_materialization.metadata
        events = events_of(instance, done.run_id)
    assert shown["source"].value == f"http://127.0.0.1:{server}/customers.parquet"
    assert leaks(events) == []
    assert leaks(said.read()) == []
    found = {name: leaks(content) for name, content in files_below(tmp_path / "customers").items()}
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_from_source_to_publication(server, tmp_path, monkeypatch, said):
    for name, value in FROM_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    root = tmp_path / "storage"
    configure(root, url_of(server))
    with DagsterInstance.ephemeral() as instance:
        done = run(root, instance)
        assert done.success, [event.message for event in done.get_step_failure_events()]
        shown = instance.get_latest_materialization_event(AssetKey("original_data"))
        source = shown.asset_materialization.metadata["source"].value
        events = events_of(instance, done.run_id)
        override = {"override_by": "Ada", "override_reason": "a test of what is told"}
        config = {"ops": {"published_data": {"ops": {"publish_rows": {"config": override}}}}}
        release = build_definitions(storage=Storage(root=str(root))).resolve_job_def("release")
        published = release.execute_in_process(
            instance=instance, partition_key="customers", run_config=config, raise_on_error=False
        )
        assert published.success, [event.message for event in published.get_step_failure_events()]
        events += events_of(instance, published.run_id)
    assert source == f"http://127.0.0.1:{server}/customers.parquet"
    private_key = (tmp_path / "home" / "signing-key.pem").read_text().splitlines()[1]
    told, files = said.read(), files_below(root)
    for text in (events, told):
        assert "original_data" in text
        assert leaks(text, (*ALL_SECRETS, private_key)) == []
    own = "datasets/customers.yaml"  # where its owner said it
    assert leaks(files.pop(own)) == [*SECRETS]
    assert {"customers/QualityReport/report.html", "customers/ModelStore/tgt-stats/_manifest.json"} <= files.keys()
    assert any(name.endswith("evidence.json") for name in files)
    found = {name: leaks(content, (*ALL_SECRETS, private_key)) for name, content in files.items()}
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize("name", ["nothing.parquet", "nothing.csv", "customers.parquet.csv", "customers.xml"])
def test_a_run_whose_source_cannot_be_read(name, server, tmp_path, said):
    configure(tmp_path, url_of(server, name))
    with DagsterInstance.ephemeral() as instance:
        done = run(tmp_path, instance)
        assert not done.success
        events = events_of(instance, done.run_id)
    assert leaks(events) == []
    assert leaks(said.read()) == []


def test_what_the_sensor_says_and_remembers(server, tmp_path, said):
    configure(tmp_path, url_of(server, "nothing.parquet"))
    with instance_for_test() as instance:
        automated = Automated(str(tmp_path), instance)
        automated.ticks()
        assert any("nothing.parquet" in notice.text for notice in HEARD), HEARD
        assert leaks(f"{automated.said}{automated.cursor}{HEARD}") == []
    assert leaks(said.read()) == []


def test_commands(server, tmp_path, said, monkeypatch):
    monkeypatch.chdir(tmp_path)
    configure(tmp_path, url_of(server))
    for words in (["list"], ["check"], ["add", url_of(server, "nothing.csv")], ["add", url_of(server), "--name", "x"]):
        done = CliRunner().invoke(app, [*words, "--storage", str(tmp_path)])
        assert leaks(done.output) == [], words
    assert main(["split", url_of(server, "nothing.csv"), "--workspace", "ws"]) == 2
    assert main(["split", url_of(server), "--workspace", "ws"]) == 0
    assert main(["run", url_of(server), "--workspace", f"ftp://me:{PASSWORD}@127.0.0.1:9/ws"]) != 0
    assert leaks(said.read()) == []
    found = {name: leaks(content) for name, content in files_below(tmp_path / "ws").items()}
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize("kind", [UserError, InputError, ArtefactError, CatalogError])
def test_errors_for_users(kind):
    error = kind(f"{url_of(80)}: cannot be read; see 's3://key:{PASSWORD}@bucket/x' and https://docs.example/a.html")
    assert str(error) == (
        "http://127.0.0.1:80/customers.parquet: cannot be read; see 's3://bucket/x' and https://docs.example/a.html"
    )


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{PASSWORD}@host/x.csv",
        f"https://{TOKEN}@host/x.csv",
        f"https://me:p@{PASSWORD}@host/x.csv",
        f"https://me:p#{PASSWORD}@host/x.csv",
        f"https://host/x.csv?sig={TOKEN}",
        f"https://host/x.csv?a='{TOKEN}'&b=?{TOKEN}",
        f"simplecache::https://me:{PASSWORD}@host/x.csv",
        f"zip://x.csv::https://me:{PASSWORD}@host/x.zip?sig={TOKEN}",
        f"postgresql://me:{PASSWORD}@host/x",
    ],
)
@pytest.mark.parametrize("around", ["{}", "'{}'", "({}), {}.", "{}: not there", '{{"source": "{}"}}'])
def test_urls_in_texts(url, around):
    text = around.replace("{}", url) if around.startswith("(") else around.format(url)
    assert leaks(without_secrets(text)) == []
    assert re.search(r"host/x", without_secrets(text))


def test_causes_are_not_shown_where_they_hold_secrets(server):
    with pytest.raises(InputError) as caught:
        read_table(url_of(server, "nothing.csv"))
    assert leaks("".join(traceback.format_exception(caught.value))) == []
    assert (
        leaks(
            SerializableErrorInfo.from_traceback(traceback.TracebackException.from_exception(caught.value)).to_string()
        )
        == []
    )


def test_places_of_the_pipeline_have_no_secrets(tmp_path, monkeypatch):
    place = f"ftp://me:{PASSWORD}@127.0.0.1/x"
    for use in (lambda: Storage(root=place).folder, lambda: Storage(root=str(tmp_path), datasets=place).catalog):
        with pytest.raises(UserError, match="without user, password and query") as caught:
            use()
        assert leaks(str(caught.value)) == []
    monkeypatch.setenv("SYNTH_STORAGE", place)
    with pytest.raises(UserError, match="without user, password and query"):
        _ = Storage().folder
    monkeypatch.setenv("SYNTH_INBOX", place)
    with pytest.raises(UserError, match="without user, password and query"):
        _ = Storage(root=str(tmp_path)).inbox


def test_other_places_that_cannot_be_read(monkeypatch, tmp_path):
    place = f"http://me:{PASSWORD}@127.0.0.1:9/x?sig={TOKEN}"
    monkeypatch.setenv(classes.COMPUTE_VARIABLE, place)
    for use in (classes.deployment, Catalog(UPath(place)).names):
        with pytest.raises(Exception) as caught:  # noqa: PT011 whatever it is
            use()
        told = "".join(traceback.format_exception(caught.value))
        assert leaks(re.sub(r"(?m)^    .*\n", "", told)) == []
    with pytest.raises(ArtefactError) as caught, storage.explained(UPath(place), "read"):
        raise OSError(f"cannot connect to {place}")
    assert leaks("".join(traceback.format_exception(caught.value))) == []


def test_leftovers_that_are_warned_of(monkeypatch):
    def fails(_: object) -> None:
        raise OSError("busy")

    monkeypatch.setattr(storage, "remove", fails)
    with pytest.warns(UserWarning, match="left over") as caught:
        storage.remove_or_warn(UPath(f"http://me:{PASSWORD}@127.0.0.1:9/x"))
    assert leaks(str(caught[0].message)) == []


def test_notices(monkeypatch, caplog):
    for name, value in FROM_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    Notifier(timeout_seconds=0.5).notify(Notice(title="failed", text=f"cannot read {url_of(80)}"))
    assert "could not be told" in caplog.text
    assert leaks(caplog.text) == []


def test_the_signing_key_is_told_nowhere(tmp_path, monkeypatch):
    from synth_pipeline.release.signing import signing_key

    path = tmp_path / "key.pem"
    path.write_text(f"-----BEGIN PRIVATE KEY-----\n{TOKEN}\n-----END PRIVATE KEY-----\n")
    path.chmod(0o600)
    monkeypatch.setenv("SYNTH_SIGNING_KEY", str(path))
    with pytest.raises(UserError, match="expected an Ed25519 private key") as caught:
        signing_key()
    assert leaks("".join(traceback.format_exception(caught.value))) == []


def test_manifests_hold_no_seeds_and_no_keys(finished_table):
    workspace = Workspace(finished_table)
    key = (finished_table / "OriginalData" / "hash-key").read_text()
    shared = files_below(finished_table / "ModelStore") | files_below(finished_table / "SyntheticData")
    assert {name for name, content in shared.items() if key.encode() in content} == set()
    for name, content in files_below(Path(workspace.root.path)).items():
        if name.endswith("_manifest.json"):
            seed = json.loads(content)["config"].get("random_state")
            assert seed is None or str(seed).startswith("sealed-"), name
    assert os.environ.get("SYNTH_SIGNING_KEY", "") == ""
