"""Pages that follow from others when the site is built: the list of decisions, the licences of dependencies."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_DECISIONS = "<!-- list of decisions -->"
_LICENCES = "<!-- list of licences -->"
_PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in what a page leaves to its neighbours."""
    if _DECISIONS in markdown:
        folder = Path(page.file.abs_src_path).parent
        markdown = markdown.replace(_DECISIONS, "\n".join(_line(path) for path in sorted(folder.glob("[0-9]*.md"))))
    if _LICENCES in markdown:
        rows = [f"| {name} | {licence_of(metadata(name))} | {', '.join(by)} |" for name, by in dependencies().items()]
        markdown = markdown.replace(
            _LICENCES, "\n".join(["| package | licence | comes with |", "|---|---|---|", *rows])
        )
    return markdown


def _line(path: Path) -> str:
    title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    number, _, name = title.partition(" ")
    return f"* {number}: [{name}]({path.name})"


def dependencies() -> dict[str, list[str]]:
    """Installed packages that an installation brings, each with what brings it: the core, or extras but dev."""
    project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]
    wanted = {"core": project["dependencies"], **project["optional-dependencies"]}
    del wanted["dev"]
    brought: dict[str, list[str]] = {}
    for what, lines in wanted.items():
        for name in sorted(_closure(lines)):
            brought.setdefault(name, []).append(what)
    return {name: ["core"] if "core" in by else by for name, by in sorted(brought.items())}


def _closure(lines: list[str]) -> set[str]:
    """Names of packages that requirements bring, with all that these require here."""
    found: set[tuple[str, str]] = set()
    waiting = [(Requirement(line), "") for line in lines]
    while waiting:
        requirement, asked_by = waiting.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": asked_by}):
            continue
        try:
            further = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:  # of another system
            continue
        for extra in {"", *requirement.extras}:
            if (name, extra) not in found:
                found.add((name, extra))
                waiting += [(each, extra) for each in further]
    return {name for name, _ in found}


def licence_of(about: PackageMetadata) -> str:
    """The licence that a package says it has; empty where it says none."""
    return next((text for text in _told(about) if text and text != "UNKNOWN"), "")


def _told(about: PackageMetadata) -> Iterator[str]:
    yield about.get("License-Expression") or ""
    classifiers = [text for text in about.get_all("Classifier") or [] if text.startswith("License")]
    named = [re.sub(r"^.* :: ", "", text) for text in classifiers]
    yield ", ".join(text for text in named if text not in ("OSI Approved", "DFSG approved"))
    yield (about.get("License") or "").partition("\n")[0].strip()
