"""What the code of both packages never does, found by reading it: run what comes with data."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCES = sorted(path for name in ("synth_engine", "synth_pipeline") for path in (ROOT / name).rglob("*.py"))
# By the name that is called: None forbids it, otherwise the argument that it must be given, and its value.
CALLS: dict[str, tuple[str, object] | None] = {
    "torch.load": ("weights_only", True),
    **dict.fromkeys(("pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.loads", "shelve.open", "joblib.load")),
    **dict.fromkeys(("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "pd.read_pickle")),
    **dict.fromkeys(("eval", "exec", "os.system", "os.popen", "tempfile.mktemp")),
}
ARGUMENTS = {"allow_pickle": True, "trust_remote_code": True, "shell": True, "verify": False}


def name_of(call: ast.Call) -> str:
    return ast.unparse(call.func)


def unsafe(tree: ast.AST) -> list[str]:
    """Calls that are not allowed, with their lines."""
    found = []
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        given = {word.arg: word.value for word in call.keywords}
        needed = CALLS.get(name_of(call), ())
        if needed is None or (needed and ast.unparse(given.get(needed[0], call)) != repr(needed[1])):
            found.append(f"{call.lineno}: {ast.unparse(call)}")
        if any(name in given and ast.unparse(given[name]) == repr(value) for name, value in ARGUMENTS.items()):
            found.append(f"{call.lineno}: {ast.unparse(call)}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_that_runs_what_it_reads(path: Path):
    assert unsafe(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "code",
    [
        "torch.load(file)",
        "torch.load(file, weights_only=False)",
        "pickle.loads(data)",
        "yaml.load(text)",
        "np.load(file, allow_pickle=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "subprocess.run(command, shell=True)",
    ],
)
def test_it_would_be_found(code: str):
    assert unsafe(ast.parse(code))


def test_what_is_safe_is_not_reported():
    assert not unsafe(ast.parse("torch.load(file, weights_only=True); yaml.safe_load(text); model.eval(); np.load(f)"))
