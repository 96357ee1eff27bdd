"""README and guides tell the truth: their Python blocks and `synth` lines run, their `make` lines name what exists.

Blocks of a document run from top to bottom in one temporary directory, the Python blocks in one namespace, so that a
later block can use what an earlier one made. A block inside an HTML comment is run too: the place for what readers need
not see.
"""

import re
import shlex
import subprocess
import sys
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
FENCED_BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
SHELLS = {"bash", "sh", "shell", "console"}


@dataclass(frozen=True)
class Block:
    language: str
    code: str
    document: str  # path from the root
    line: int  # of its first line of code, counted from 1

    def __str__(self) -> str:
        return f"{self.document}:{self.line} ({self.language})"

    def commands(self) -> list[list[str]]:
        """The block's `make` and `synth` lines as words, without prompt and comment, continued lines joined."""
        lines = [line.removeprefix("$ ") for line in self.code.replace("\\\n", " ").splitlines()]
        return [shlex.split(line, comments=True) for line in lines if line.startswith(("make ", "synth "))]


def blocks_of(text: str, document: str = "") -> list[Block]:
    found = [
        Block(match[1], match[2], document, line=text.count("\n", 0, match.start(2)) + 1)
        for match in FENCED_BLOCK.finditer(text)
    ]
    return [block for block in found if block.language == "python" or block.language in SHELLS]


def blocks_in(path: Path) -> list[Block]:
    return blocks_of(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))


README = blocks_in(ROOT / "README.md")
PAGES = sorted((ROOT / "docs").glob("*.md")) + sorted((ROOT / "docs" / "guides").glob("*.md"))
GUIDES = [block for path in PAGES for block in blocks_in(path)]


@dataclass(frozen=True)
class Reader:
    """Somebody who does what documents say, each in a directory of its own."""

    home: Path
    namespaces: dict[str, dict[str, object]] = field(
        default_factory=lambda: defaultdict(lambda: {"__name__": "__main__"})
    )

    def directory(self, document: str) -> Path:
        folder = self.home / document.replace("/", "_")
        folder.mkdir(exist_ok=True)
        return folder


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> Reader:
    return Reader(tmp_path_factory.mktemp("documents"))


def check_make(words: list[str]) -> None:
    targets = {name for line in re.findall(r"^([a-z][a-z -]*):(?!=)", MAKEFILE, re.MULTILINE) for name in line.split()}
    for word in words:
        variable, is_assignment, _ = word.partition("=")
        if is_assignment:
            assert f"$({variable})" in MAKEFILE, f"the Makefile does not use the variable {variable}"
        elif not word.startswith("-"):
            assert word in targets, f"the Makefile has no target {word}; it has {', '.join(sorted(targets))}"


def run_synth(words: list[str], directory: Path) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"].get("scripts", {})
    assert "synth" in scripts, "pyproject.toml declares no script named synth"
    module, function = scripts["synth"].split(":")
    start = f"import sys; sys.argv[0] = 'synth'; from {module} import {function}; sys.exit({function}())"
    done = subprocess.run(
        [sys.executable, "-c", start, *words], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"synth {shlex.join(words)}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(
    "block", [*README, *(pytest.param(block, marks=pytest.mark.slow) for block in GUIDES)], ids=str
)
def test_block_works(block, reader, monkeypatch):
    directory = reader.directory(block.document)
    monkeypatch.chdir(directory)
    if block.language == "python":
        # empty lines in front, so that a traceback shows the line of the document
        code = compile("\n" * (block.line - 1) + block.code, ROOT / block.document, "exec")
        exec(code, reader.namespaces[block.document])
        return
    for program, *words in block.commands():
        if program == "make":
            check_make(words)
        else:
            run_synth(words, directory)


def test_documents_have_code_blocks():
    assert {block.language for block in README} == {"python", "bash"}
    assert {Path(block.document).stem for block in GUIDES} >= {"index", "tables", "sequences", "text", "production"}


def test_blocks_are_found_with_their_lines():
    shell = '# Title\n\n```bash\necho "don\'t"\n$ make demo \\\n    DATA=a.csv  # yours\n```\n'
    text = shell + "<!--\n```python\nx = 1\n```\n-->\n```text\nno\n```\n"
    bash, python = blocks_of(text)
    assert bash.commands() == [["make", "demo", "DATA=a.csv"]]
    assert (bash.line, python.line) == (4, 10)


def test_unknown_make_target_or_variable_is_refused():
    check_make(["demo", "DATA=a.csv"])
    with pytest.raises(AssertionError, match="no target nowhere"):
        check_make(["nowhere"])
    with pytest.raises(AssertionError, match="variable NOTHING"):
        check_make(["demo", "NOTHING=1"])
