"""What no module of the packages does: run what a file says."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path for name in ("synth_engine", "synth_pipeline") for path in (ROOT / name).rglob("*.py"))
RUNS_CODE = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "pickletools", "shelve", "_pickle"}
NEVER_CALLED = {
    *("compile", "eval", "exec", "os.popen", "os.system", "pd.read_pickle", "pandas.read_pickle"),
    *("np.load", "numpy.load", "np.fromregex", "shutil.unpack_archive", "torch.jit.load", "torch.package"),
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "yaml.FullLoader", "yaml.UnsafeLoader"),
    *("yaml.Loader", "yaml.CLoader", "yaml.dump"),
}


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of an expression; empty where it is another one."""
    if isinstance(node, ast.Name):
        return node.id
    inner = dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{inner}.{node.attr}" if inner else ""


def says(call: ast.Call, **expected: bool) -> bool:
    told = {each.arg: each.value.value for each in call.keywords if isinstance(each.value, ast.Constant)}
    return all(told.get(name) is value for name, value in expected.items())


def found_in(source: str) -> Iterator[str]:
    """What of a module could run what a file says."""
    for node in ast.walk(ast.parse(source)):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (name for name in names if name.partition(".")[0] in RUNS_CODE)
        if isinstance(node, ast.ImportFrom):
            yield from (name for each in node.names if (name := f"{node.module}.{each.name}") in NEVER_CALLED)
            yield from (name for each in node.names if (name := f"{node.module}.{each.name}") == "torch.load")
        if isinstance(node, ast.Attribute | ast.Name) and dotted(node) in NEVER_CALLED:
            yield dotted(node)
        if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "trust_remote_code", "shell"):
            yield from [] if isinstance(node.value, ast.Constant) and node.value.value is False else [str(node.arg)]
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from (
                "trust_remote_code"
                for key, value in pairs
                if isinstance(key, ast.Constant) and key.value == "trust_remote_code"
                if not (isinstance(value, ast.Constant) and value.value is False)
            )
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if name == "torch.load" and not says(node, weights_only=True):
                yield "torch.load without weights_only=True"
            if name.endswith("ForCausalLM.from_pretrained") and not says(node, use_safetensors=True):
                yield "from_pretrained without use_safetensors=True"


def test_no_module_runs_what_a_file_says():
    found = {str(path.relative_to(ROOT)): list(found_in(path.read_text("utf-8"))) for path in MODULES}
    assert len(found) > 100
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "import torch\ntorch.load(file)",
        "import torch\ntorch.load(file, weights_only=False)",
        "from torch import load",
        "import yaml\nyaml.load(text, yaml.Loader)",
        "from yaml import unsafe_load",
        "import numpy as np\nnp.load(file)",
        "read(file, allow_pickle=True)",
        "options = {'trust_remote_code': True}",
        "AutoModelForCausalLM.from_pretrained(name)",
        "eval(text)",
    ],
)
def test_the_search_finds_what_it_is_for(source: str):
    assert list(found_in(source)) != []


@pytest.mark.parametrize(
    "source", ["network.eval()", "import yaml\nyaml.safe_load(text)", "import torch\ntorch.load(f, weights_only=True)"]
)
def test_the_search_finds_nothing_else(source: str):
    assert list(found_in(source)) == []
