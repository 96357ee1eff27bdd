"""YAML that somebody has written: its values, and the line on which each of them stands.

Belongs here: what a text of a catalogue may be at all. Does not belong here: which keys there are (`dataset`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

from synth_pipeline.catalog.errors import CatalogError, Problem

MAX_BYTES = 1_000_000
# A node that is referred to counts as often as it is; a file of a dataset has some dozens.
MAX_NODES = 100_000

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys, and places in lists, from the outermost mapping on."""

_PLAIN = {"str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "value"}
_PREFIX = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Document:
    """The settings of a file.

    Args:
        file: Where they come from.
        settings: Plain values: dicts, lists, texts, numbers, truth values, dates, None.
        root: The same as nodes of PyYAML, which know their places.
    """

    file: str
    settings: dict[Any, Any]
    root: yaml.MappingNode

    def line(self, path: KeyPath) -> int:
        """The line of the key at a path, counted from 1; where it is missing, that of the mapping that lacks it."""
        mark, node = self.root.start_mark, self.root
        for part in path:
            found = _entry(node, part)
            if found is None:
                break
            mark, node = found[0].start_mark, found[1]
        return int(mark.line) + 1

    def problem(self, path: KeyPath, text: str) -> Problem:
        """What is wrong with the key at a path."""
        return Problem(self.file, text, self.line(path))


def parse(content: bytes, file: str) -> Document:
    """Read the one document of a file, a mapping.

    Raises:
        CatalogError: not UTF-8, too large, not valid YAML, keys that repeat, more than one document, objects of
            programming languages, references that grow without bound.
    """
    if len(content) > MAX_BYTES:
        raise too_large(file, len(content))
    text = _decoded(content, file)
    try:
        return _parsed(yaml.SafeLoader(text), file)
    except yaml.YAMLError as error:
        raise CatalogError(_explained(error, text, file)) from None
    except RecursionError:
        raise CatalogError(Problem(file, "is not valid YAML: it is nested too deeply", 1)) from None


def _parsed(loader: yaml.SafeLoader, file: str) -> Document:
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            what = "nothing" if root is None else "a list" if isinstance(root, yaml.SequenceNode) else "one value"
            raise CatalogError(
                Problem(file, f"expected keys and values such as 'source: table.csv', found {what}", _line(root))
            )
        problems = [*_problems(root, file)] or [*_repeated(loader, root, file)]
        if problems:
            raise CatalogError(*sorted(problems, key=lambda problem: problem.line or 0))
        return Document(file, _construct(loader, root), root)
    finally:
        loader.dispose()


def too_large(file: str, n_bytes: int) -> CatalogError:
    """The error of a file that is none of a dataset by its size."""
    return CatalogError(
        Problem(
            file,
            f"expected the settings of a dataset, at most {MAX_BYTES:,} bytes, found {n_bytes:,}; tables belong into "
            "files of their own, which source names",
        )
    )


def _decoded(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        advice = "iconv -f utf-16 -t utf-8" if wide else "iconv -f windows-1252 -t utf-8"
        raise CatalogError(
            Problem(file, f"expected UTF-8, found other bytes; convert it, for example by {advice}", line, column)
        ) from None


def _line(node: yaml.Node | None) -> int:
    return 1 if node is None else node.start_mark.line + 1


def _entry(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """Key and value in a mapping, or an item of a list twice."""
    if isinstance(node, yaml.SequenceNode):
        is_there = isinstance(part, int) and 0 <= part < len(node.value)
        return (node.value[part], node.value[part]) if is_there else None
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):  # what is merged in comes first
            if isinstance(key, yaml.ScalarNode) and _is_key(key, part):
                return key, value
    return None


def _is_key(key: yaml.ScalarNode, part: str | int) -> bool:
    if key.tag == _PREFIX + "str":
        return bool(key.value == part)
    return str(yaml.safe_load(key.value)) == str(part)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _problems(root: yaml.Node, file: str) -> Iterator[Problem]:
    """Tags of things that settings are not made of, and references that would never end, or not soon."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> Iterator[Problem]:
        open_nodes.add(id(node))
        total = 1
        if node.tag.removeprefix(_PREFIX) not in _PLAIN:
            yield Problem(
                file, f"expected plain values, found the tag {_shown_tag(node.tag)}; leave it out", *_at(node)
            )
        for child in _children(node):
            if id(child) in open_nodes:
                yield Problem(file, "expected values that end, found a reference to what it is part of", *_at(node))
            elif id(child) not in sizes:
                yield from size(child)
            total = min(total + sizes.get(id(child), 1), MAX_NODES + 1)  # the true number may have a million digits
        open_nodes.discard(id(node))
        sizes[id(node)] = total

    yield from size(root)
    if sizes[id(root)] > MAX_NODES:
        text = (
            f"expected at most {MAX_NODES:,} values, found more, for they refer to each other; write out what is meant"
        )
        yield Problem(file, text, 1)


def _shown_tag(tag: str) -> str:
    return tag.replace(_PREFIX, "!!")[:60]


def _at(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _repeated(loader: yaml.SafeLoader, root: yaml.Node, file: str) -> Iterator[Problem]:
    """Keys that a mapping has twice, of which PyYAML would take the last one without a word."""
    seen, waiting = {id(root)}, [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.MappingNode):
            lines: dict[Any, int] = {}
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    yield Problem(file, "expected a text as key, found a list or mapping", *_at(key))
                    continue
                is_merge, line = key.tag == _PREFIX + "merge", key.start_mark.line + 1
                value = key.value if is_merge else _construct(loader, key)
                if value in lines:
                    text = f"{value}: is there twice, first on line {lines[value]}; keep one of them"
                    yield Problem(file, text, line)
                lines.setdefault(value, line)
        for child in _children(node):
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)


def _construct(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    try:
        return loader.construct_document(node)
    except (ValueError, AttributeError, OverflowError):
        wrong = _unreadable(node)
        what = f"no {wrong.tag.removeprefix(_PREFIX)}, although it looks like one"
        raise yaml.constructor.ConstructorError(
            None, None, f"{what}; correct it, or put it in quotes if it is text", wrong.start_mark
        ) from None


def _unreadable(node: yaml.Node) -> yaml.Node:
    """The first scalar that is not what it looks like, such as the 45th of a month."""
    waiting = [node]
    while waiting:
        candidate = waiting.pop()
        waiting += reversed(_children(candidate))
        if isinstance(candidate, yaml.ScalarNode):
            try:
                yaml.SafeLoader("").construct_document(candidate)
            except (ValueError, AttributeError, OverflowError):
                return candidate
    return node


_HINTS = (
    ("while scanning an alias", "; text that begins with * has to be in quotes"),
    ("cannot start any token", "; text that begins with it has to be in quotes, and lines are indented by blanks"),
    ("mapping values are not allowed", "; text that holds ': ' has to be in quotes"),
    ("but found another document", "; a file is one dataset: leave out the line ---, or make two files"),
)


def _explained(error: yaml.YAMLError, text: str, file: str) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        code = error.character if isinstance(error.character, int) else ord(error.character)
        return Problem(file, f"is not valid YAML: the character U+{code:04X} must not be in it", line, column)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    words = [getattr(error, "context", None), getattr(error, "problem", None)]
    said = ", ".join(" ".join(word.split()) for word in words if word) or "it cannot be read"
    said = said.replace("character '\\t'", "a tab")
    hint = next((hint for sign, hint in _HINTS if sign in said), "")
    place = (None, None) if mark is None else (mark.line + 1, mark.column + 1)
    return Problem(file, f"is not valid YAML: {said}{hint}", *place)
