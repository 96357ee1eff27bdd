"""The pipeline in the browser: the real server and daemon, runs launched and cancelled by clicks in headless Chromium.

Screenshots are left in pytest's temporary folder, to be looked at.
"""

import re
import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
import yaml

from benchmarks.pipeline_server import CHROMIUM, RUN_SECONDS, Server, serving, with_local_settings

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")]

ASSETS = ("original_data", "column_stats", "encoded_data", "model_store", "synthetic_data")
GRAPH = "/locations/__repository__@synth/asset-groups/synthesis/lineage"
PATIENCE = 60_000  # milliseconds; a page takes seconds on a machine with nothing else to do


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    datasets = home / "storage" / "synth" / "datasets"
    datasets.mkdir(parents=True)
    pd.DataFrame({"number": range(200), "letter": list("ab") * 100}).to_csv(datasets / "letters.csv", index=False)
    # not watched: tests launch these themselves
    letters = {"source": "letters.csv", "watch": False, "train": {"max_epochs": 2, "model": "MOSTLY_AI/Small"}}
    (datasets / "letters.yaml").write_text(yaml.safe_dump(letters))
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame({f"column {index}": rng.integers(0, 50, 200_000) for index in range(12)})
    numbers.to_parquet(datasets / "numbers.parquet", index=False)
    (datasets / "numbers.yaml").write_text(
        yaml.safe_dump({"source": "numbers.parquet", "watch": False, "train": {"max_epochs": 1000}})
    )
    with serving(with_local_settings(home), {"OMP_NUM_THREADS": "1"}) as server:
        server.add("letters")
        server.add("numbers")
        yield server


@pytest.fixture(scope="module")
def look(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable]:
    """Opens a path of the server in a new page; ``look.shot(page, name)`` takes its picture."""
    folder = tmp_path_factory.mktemp("pictures")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-quic"])

        def opened(path: str, height: int = 1300) -> playwright.Page:
            page = browser.new_page(viewport={"width": 1500, "height": height})
            page.set_default_timeout(PATIENCE)
            page.goto(server.url + path)
            return page

        def shot(page: playwright.Page, name: str) -> None:
            page.wait_for_timeout(1500)  # until what slides in has arrived
            page.screenshot(path=folder / f"{name}.png")

        opened.shot = shot
        yield opened
        browser.close()
    print(f"\npictures: {folder}")


def shown(page: "playwright.Page", text: str) -> None:
    """Wait until the page shows a text; it has some that it only measures."""
    page.get_by_text(text).filter(visible=True).first.wait_for()


def launch_by_clicks(page: "playwright.Page", dataset: str) -> None:
    """Materialize all assets of one partition, as a user would in the picture of all assets."""
    page.get_by_role("button", name="Materialize all").click()
    page.get_by_text("Select a partition").click()
    page.get_by_role("menuitem").filter(has_text=dataset).first.click()
    page.keyboard.press("Escape")
    page.get_by_text("Launch 1 run").click()


@pytest.fixture(scope="module")
def run(server: Server, look: Callable) -> str:
    """A run of letters that was launched by clicks, and succeeded."""
    page = look(GRAPH)
    launch_by_clicks(page, "letters")
    run = server.wait_for_run("letters")
    assert server.wait_for_end(run) == "SUCCESS", server.told()
    page.close()
    return run


def test_a_materialisation_launched_by_clicks_and_the_graph(server, run, look):
    page = look(GRAPH)
    for asset in ASSETS:
        shown(page, asset)
    look.shot(page, "graph")
    page.close()


@pytest.mark.parametrize(
    ("asset", "texts"),
    [
        ("original_data", ["training_rows", "160", "letters.csv"]),
        ("column_stats", ["NUMERIC_BINNED", "minimum_entities_per_value", "value_protection"]),
        ("encoded_data", ["sub_columns", "codes"]),
        ("model_store", ["loss_curve", "best_validation_loss", "MOSTLY_AI/Small", "differential_privacy"]),
        ("synthetic_data", ["univariate_accuracy", "accuracy_by_column", "sample", "letter"]),
    ],
)
def test_the_page_of_an_asset(server, run, look, asset, texts):
    page = look(f"/assets/{asset}?view=partitions&partition=letters", height=2600)
    for text in texts:
        shown(page, text)
    look.shot(page, asset)
    page.close()


def test_the_page_of_the_run(server, run, look):
    page = look(f"/runs/{run}")
    shown(page, "RUN_SUCCESS")
    shown(page, "original_data.split_source")
    look.shot(page, "run")
    page.close()


def test_a_dropped_table_becomes_a_twin_without_a_touch(server, look):
    rng = np.random.default_rng(1)
    inbox = server.storage / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame({"age": rng.integers(18, 90, 300), "city": rng.choice(["Wien", "Zürich"], 300)})
    table.to_csv(inbox / "People of 2024.csv", index=False)
    run = server.wait_for_run("people_of_2024")
    assert server.wait_for_end(run) == "SUCCESS", server.told()
    synthetic = pd.read_parquet(server.storage / "people_of_2024" / "SyntheticData")
    assert list(synthetic.columns) == ["age", "city"]
    assert len(synthetic) == 300
    page = look("/automation")
    shown(page, "arrivals")
    look.shot(page, "automation")
    page.close()
    time.sleep(15)  # some more ticks
    assert len(server.runs("people_of_2024")) == 1


def test_a_run_cancelled_by_clicks_ends_and_keeps_what_was_trained(server, look):
    page = look(GRAPH)
    launch_by_clicks(page, "numbers")
    run = server.wait_for_run("numbers")
    page.close()
    progress, end = server.storage / "numbers" / "ModelStore" / "model-data" / "_manifest.json", time.monotonic()
    while not progress.exists() and time.monotonic() < end + RUN_SECONDS:
        time.sleep(0.2)
    page = look(f"/runs/{run}")
    page.get_by_text("Terminate", exact=True).first.click()
    page.get_by_role("button", name=re.compile("terminat.* 1 run", re.IGNORECASE)).click()
    assert server.wait_for_end(run) == "CANCELED", server.told()
    page.wait_for_timeout(3000)
    look.shot(page, "cancelled")
    page.close()
    assert progress.exists()
    assert '"finished": false' in progress.read_text()
