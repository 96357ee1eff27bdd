"""What is told of failed runs, to a real web server on the loopback, and that its troubles do no harm."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from dagster import DagsterEventType, build_run_status_sensor_context

from synth_pipeline.automation.failures import FailedStep, failure_notice, failures
from synth_pipeline.resources import Notice, Notifier

SECRET = "/services/T000/B000/secret"


class Hook:
    """An incoming webhook that answers as it is told."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []
        self.status, self.seconds = 200, 0.0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.heard.append(json.loads(body))
                time.sleep(hook.seconds)
                self.send_response(hook.status)
                self.send_header("Location", f"{hook.url}/elsewhere")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}{SECRET}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def hook(monkeypatch) -> Iterator[Hook]:
    hook = Hook()
    monkeypatch.setenv("SYNTH_WEBHOOK", hook.url)
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


@pytest.fixture
def sense(pipeline) -> Callable[[], None]:
    """Let the sensor see the latest run, which failed."""

    def sense() -> None:
        run = pipeline.instance.get_runs(limit=1)[0]
        [record] = pipeline.instance.get_records_for_run(run.run_id, of_type=DagsterEventType.RUN_FAILURE).records
        context = build_run_status_sensor_context(
            "failures", record.event_log_entry.dagster_event, pipeline.instance, run, resources={"notifier": Notifier()}
        )
        failures(context.for_run_failure())

    return sense


def test_a_failed_run_is_told_with_what_to_do(pipeline, hook, sense, monkeypatch):
    monkeypatch.setenv("SYNTH_UI_URL", "http://dagster.example/")
    pipeline.configure()
    pipeline.run()
    sense()
    run_id = pipeline.instance.get_runs(limit=1)[0].run_id
    [message] = hook.heard
    for part in (
        "*customers: the run failed*",
        "expected a table at",
        "dataset: customers",
        "step: original_data.split_source",
        f"run: {run_id}",
        f"see: http://dagster.example/runs/{run_id}",
    ):
        assert part in message["text"]
    assert "Traceback" not in message["text"]


def test_a_run_that_is_tried_again_is_not_told(pipeline, hook, sense):
    pipeline.configure()
    pipeline.run()
    run = pipeline.instance.get_runs(limit=1)[0]
    pipeline.instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
    sense()
    assert hook.heard == []


def test_words_of_unforeseen_errors_are_left_out(pipeline, hook, sense, monkeypatch):
    def fail(*args, **kwargs):
        raise ArithmeticError("Mrs. Winterbottom earns 123456")

    monkeypatch.setattr("synth_pipeline.catalog.Catalog.load", fail)
    pipeline.configure()
    pipeline.run()
    sense()
    assert "unexpected ArithmeticError" in hook.heard[0]["text"]
    assert "Winterbottom" not in str(hook.heard)


@pytest.mark.parametrize(("status", "said"), [(500, "answered 500"), (302, "answered 302"), (404, "answered 404")])
def test_a_webhook_in_trouble_is_only_logged(hook, caplog, status, said):
    hook.status = status
    Notifier().notify(Notice(title="t", text="x"))
    assert said in caplog.text
    assert len(hook.heard) == 1
    assert "secret" not in caplog.text


def test_a_slow_webhook_is_not_waited_for(hook, caplog):
    hook.seconds = 2.0
    Notifier(timeout_seconds=0.2).notify(Notice(title="t", text="x"))
    assert "TimeoutError" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/secret", "nonsense/secret", "file:///etc/secret", "http://[secret", "http://a b/secret"]
)
def test_a_webhook_that_is_not_there_is_only_logged(monkeypatch, caplog, url):
    monkeypatch.setenv("SYNTH_WEBHOOK", url)
    Notifier().notify(Notice(title="t", text="x"))
    assert "could not be told" in caplog.text
    assert "secret" not in caplog.text


def test_without_a_webhook_it_is_logged(monkeypatch, caplog):
    monkeypatch.delenv("SYNTH_WEBHOOK", raising=False)
    Notifier().notify(Notice(title="a title", text="a text", dataset="shop"), logging.getLogger("here"))
    assert "a title\na text\ndataset: shop" in caplog.text
    assert "could not be told" not in caplog.text


def test_the_secret_is_no_configuration(monkeypatch):
    monkeypatch.setenv("SYNTH_WEBHOOK", "https://hooks.example/secret")
    assert "secret" not in repr(Notifier()) + Notifier().model_dump_json()


def test_slack_reads_no_markup_from_names(hook):
    Notifier().notify(Notice(title="<!channel> & co", text="a < b"))
    assert hook.heard[0]["text"] == "*&lt;!channel&gt; &amp; co*\na &lt; b"


def test_a_run_without_steps_is_told_by_its_end():
    notice = failure_notice("1", "synthesize", None, [], "its process is gone", None)
    assert notice.title == "synthesize: the run failed"
    assert notice.text == "its process is gone"
    assert notice.link is None
    assert failure_notice("1", "j", "d", [FailedStep("s", None, "KeyError")], "", None).step == "s"
