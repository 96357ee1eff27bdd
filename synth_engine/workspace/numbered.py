"""A small file that is replaced by whoever has seen what it says now, on any store that can create a file once.

Belongs here: one at a time, without locks, so also on object stores. Does not belong here: what the file says.
"""

import json
import re
import uuid
from typing import Any

from upath import UPath

from synth_engine.workspace import storage

_WRITER = "written_as"
_NAME = re.compile(r"(?P<number>\d{9})\.json")


class NumberedFile:
    """Versions of a file in a folder of their own, numbered from 1; the one with the highest number counts.

    Guarantees: of several that `replace` the same version, one succeeds, on local disks and on stores with conditional
    writes (S3, Google, Azure, by fsspec's ``mode="create"``). On others, of two at the same moment the last one does.

    Args:
        folder: Nothing else lies in it; it need not exist.
    """

    def __init__(self, folder: UPath) -> None:
        self._folder = folder

    def read(self) -> tuple[int, dict[str, Any] | None]:
        """Number and content of the version that counts; 0 and None where there is none.

        What cannot be read as JSON counts as None, too: somebody else has written it.
        """
        with storage.explained(self._folder, "read"):
            number = max(self._numbers(), default=0)
            data = storage.read(self._path(number)) if number else None
        return number, _content(data)

    def replace(self, number: int, content: dict[str, Any]) -> bool:
        """Let a new version follow that with this number; False if another one has followed already."""
        path = self._path(number + 1)
        data = _data(content)
        with storage.explained(self._folder, "written"):
            storage.create(path, data)
            if storage.read(path) != data:
                return False
            if max(self._numbers()) > number + 1:  # older ones are removed, so a number may be free again
                storage.remove(path)
                return False
            for old in self._numbers():
                if old <= number:
                    storage.remove_or_warn(self._path(old))
        return True

    def rewrite(self, number: int, content: dict[str, Any]) -> None:
        """Change the version with this number; for whom it belongs to."""
        with storage.explained(self._folder, "written"):
            storage.put(self._path(number), _data(content))

    def _numbers(self) -> list[int]:
        found = (_NAME.fullmatch(name) for name in storage.file_names(self._folder))
        return [int(each["number"]) for each in found if each]

    def _path(self, number: int) -> UPath:
        return self._folder / f"{number:09d}.json"


def _data(content: dict[str, Any]) -> bytes:
    """With a mark by which its writer knows it again."""
    return json.dumps({_WRITER: uuid.uuid4().hex, "content": content}).encode()


def _content(data: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads(data or b"")["content"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, dict) else None
