"""What an installation gets: a light core, exact pins for everything, extras that exist."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [
    Requirement(text) for text in [*PROJECT["dependencies"], *(text for e in EXTRAS.values() for text in e)]
]
LOCK_LINES = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
PYTHONS = ["3.11", "3.12", "3.13"]
HEAVY = ["dagster", "torchvision", "torchaudio", "transformers", "matplotlib"]


def loaded_by(code: str, names: list[str]) -> list[str]:
    """Which of these modules are loaded once a new process has run some code."""
    code = f"import sys\n{code}\nprint([name for name in {names} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return ast.literal_eval(done.stdout.splitlines()[-1])


def test_core_is_light():
    assert loaded_by("from synth_engine import split, analyze, encode, train, generate", HEAVY) == []


@pytest.mark.parametrize(
    ("code", "not_needed"),
    [
        ("import synth_engine.cli", ["torch", "pandas"]),
        ("from synth_engine import *", ["torch"]),
        ("import synth_pipeline.definitions", ["torch", "transformers", "celery", "dagster_k8s"]),
    ],
)
def test_what_takes_seconds_to_import_is_imported_where_it_is_used(code, not_needed):
    assert loaded_by(code, not_needed) == []


def test_training_does_without_the_compiler(tmp_path):
    code = f"""
from synth_engine import analyze, encode, split, train
from synth_engine.demo import make_shop
root = {str(tmp_path)!r}
split(make_shop(100, seed=0).customers, workspace_dir=root)
analyze(workspace_dir=root)
encode(workspace_dir=root)
train(workspace_dir=root, max_epochs=1)
"""
    assert loaded_by(code, ["torch", "torch._dynamo"]) == ["torch"]


@pytest.mark.parametrize("python", PYTHONS)
def test_python_is_supported(python):
    assert f"{python}.0" in SpecifierSet(PROJECT["requires-python"])


def test_lock_holds_only_exact_pins():
    exact_pin = re.compile(r"[a-z0-9-]+==[a-z0-9.]+( ; [\w.'!=<> ()-]+)?")
    assert [line for line in LOCK_LINES if not exact_pin.fullmatch(line)] == []


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_pins_each_requirement_once(python):
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    pins = [pin for pin in map(Requirement, LOCK_LINES) if pin.marker is None or pin.marker.evaluate(environment)]
    for requirement in REQUIREMENTS:
        name = canonicalize_name(requirement.name)
        versions = [str(pin.specifier).removeprefix("==") for pin in pins if canonicalize_name(pin.name) == name]
        assert len(versions) == 1, f"{name} is pinned {len(versions)} times for Python {python}"
        assert requirement.specifier.contains(versions[0]), f"{name}=={versions[0]} is not {requirement.specifier}"


@pytest.mark.parametrize("requirement", [r for r in REQUIREMENTS if r.extras], ids=str)
def test_extras_of_others_exist(requirement):
    assert requirement.extras <= set(metadata(requirement.name).get_all("Provides-Extra", []))


@pytest.mark.parametrize("file", ["Makefile", "README.md"])
def test_own_extras_exist(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    named = re.findall(r"(?:\.|synth-engine)\[([a-z0-9,]+)\]|^EXTRAS := ([a-z0-9,]+)", text, re.MULTILINE)
    assert {extra for groups in named for extra in "".join(groups).split(",")} <= set(EXTRAS)


def test_tables_need_nothing_of_what_language_models_need(tmp_path):
    code = f"""
for name in ("peft", "safetensors", "tokenizers", "transformers", "xgrammar"):
    sys.modules[name] = None
import pandas as pd
from synth_engine import TabularARGN, split
from synth_engine.domain import InputError
table = pd.DataFrame({{"kind": ["flat", "room"] * 50}})
with TabularARGN(max_epochs=1) as model:
    assert len(model.fit(table).sample(5)) == len(model.log_prob(table[:5]))
try:
    split(table, model_type="LANGUAGE", workspace_dir={str(tmp_path)!r})
except InputError as error:
    said = str(error)
assert "found no peft, safetensors, tokenizers, transformers, xgrammar" in said, said
assert "pip install 'synth-engine[language]'" in said, said
"""
    assert loaded_by(code, ["torch"]) == ["torch"]


def test_files_that_are_no_modules_are_shipped():
    """Templates, styles and the marker of types are named in pyproject.toml, without which a wheel lacks them."""
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    for package in ("synth_engine", "synth_pipeline"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                folder = ".".join(path.parent.relative_to(ROOT).parts)
                assert any(path.match(pattern) for pattern in data.get(folder, ())), path
