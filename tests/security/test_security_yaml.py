"""YAML is data: a tag that asks for an object is an error with its place, and nothing is run."""

import pytest
import yaml
from typer.testing import CliRunner
from upath import UPath

from synth_pipeline.catalog import Catalog, CatalogError
from synth_pipeline.cli import app
from synth_pipeline.compute import classes
from synth_pipeline.compute.classes import ComputeError, deployment

TAGS = ["!!python/object/apply:os.mkdir [{}]", "!!python/object/new:os.mkdir [{}]", "!!python/name:os.mkdir ''"]


@pytest.fixture(params=TAGS)
def attack(request, tmp_path) -> str:
    """A value that would make a folder called marker."""
    return request.param.format(tmp_path / "marker")


def test_the_attack_is_one(tmp_path):
    yaml.load(TAGS[0].format(tmp_path / "marker"), yaml.UnsafeLoader)
    assert (tmp_path / "marker").is_dir()


@pytest.mark.parametrize("text", ["source: {}\n", "source: x.csv\ntrain: {}\n", "{}: x.csv\n", "{}\n"])
def test_the_file_of_a_dataset(attack, text, tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "evil.yaml").write_text(text.format(attack))
    catalog = Catalog(UPath(tmp_path / "datasets"))
    with pytest.raises(CatalogError, match=r"evil\.yaml:"):
        catalog.load("evil")
    assert list(catalog.load_all()[1]) == ["evil"]
    done = CliRunner().invoke(app, ["check", "--storage", str(tmp_path)])
    assert done.exit_code == 2
    assert not (tmp_path / "marker").exists()


def test_the_file_of_compute_classes(attack, tmp_path, monkeypatch):
    file = tmp_path / "compute.yaml"
    file.write_text(f"classes: {attack}\n")
    monkeypatch.setenv(classes.COMPUTE_VARIABLE, str(file))
    with pytest.raises(ComputeError, match="expected YAML or JSON"):
        deployment()
    assert not (tmp_path / "marker").exists()
