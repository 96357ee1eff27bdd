"""Licences of what the packages need: read from the packages that are installed, as `requirements.lock` pins them.

Belongs here: which package has which licence, and why it is installed. Does not belong here: how the page is built
(`_hooks`).
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
CORE, DEVELOPMENT = "core", "dev"
_LONGEST = 60  # of what is a name of a licence, and not its text
_VAGUE = {"", "dual license", "license", "unknown"}


@dataclass(frozen=True)
class Package:
    """A package that is pinned.

    Args:
        name: As the lock has it.
        version: The one that is installed; None where this platform needs none.
        licence: Empty where its metadata names none.
        needed_by: ``core`` and extras that need it, by way of others or not.
    """

    name: str
    version: str | None
    licence: str
    needed_by: tuple[str, ...]


def packages() -> list[Package]:
    """All packages of the lock, by name; those for other platforms only without a version."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    needs = {name: set(_closure(wanted)) for name, wanted in _wanted().items()}
    found = []
    for name in dict.fromkeys(canonicalize_name(Requirement(line).name) for line in lines):
        needed_by = tuple(extra for extra, closure in needs.items() if name in closure)
        try:
            found.append(Package(name, version(name), licence_of(name), needed_by))
        except PackageNotFoundError:
            found.append(Package(name, None, "", needed_by))
    return found


def licence_of(name: str) -> str:
    """What the metadata of an installed package says: an SPDX expression, or else a name, or else classifiers."""
    told = metadata(name)
    text = (told.get("License") or "").strip()
    named = text if len(text) <= _LONGEST and "\n" not in text and text.lower() not in _VAGUE else ""
    classifiers = [each for each in told.get_all("Classifier") or [] if each.startswith("License ::")]
    classified = " / ".join(dict.fromkeys(each.rpartition(" :: ")[2] for each in classifiers))
    return told.get("License-Expression") or named or classified


def is_copyleft(licence: str) -> bool:
    """Whether a licence is the GPL or the AGPL, which also bind who only uses the package; the LGPL does not.

    >>> is_copyleft("GPL-3.0-or-later"), is_copyleft("LGPL with exceptions"), is_copyleft("MIT OR GPL-2.0-only")
    (True, False, False)
    """
    choices = re.split(r"\s+OR\s+", licence)
    word = re.compile(r"\bA?GPL|(?<!Lesser )(?<!Library )\bGeneral Public License|\bAffero", re.IGNORECASE)
    return all(word.search(re.sub(r"(?i)Library or Lesser General Public License", "", each)) for each in choices)


def markdown() -> str:
    """The list as a table."""
    lines = ["| Package | Version | Licence | Needed by |", "|---|---|---|---|"]
    for each in packages():
        if each.version is not None:
            cells = (each.name, each.version, each.licence or "not said", ", ".join(each.needed_by))
            lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(lines)


def _wanted() -> dict[str, list[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {CORE: project["dependencies"], **project["optional-dependencies"]}


def _closure(wanted: Iterable[str]) -> Iterator[str]:
    """Names of packages that these requirements bring in on this platform."""
    waiting, seen = [Requirement(text) for text in wanted], set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        yield name
        try:
            further = [Requirement(text) for text in requires(name) or []]
        except PackageNotFoundError:
            continue
        extras = {"", *requirement.extras}
        waiting += [
            each
            for each in further
            if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras)
        ]
