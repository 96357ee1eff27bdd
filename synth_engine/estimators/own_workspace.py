"""A temporary workspace that an estimator owns: it goes when its owner does, and travels inside pickles."""

import os
import shutil
import tempfile
import weakref
from pathlib import Path

_MODEL_STORE, _ORIGINALS = "ModelStore", "OriginalData"
# What only a resumed training needs, which is not possible without the originals anyway; five times the weights.
_LEFT_OUT = "training-snapshot.pt"


class OwnWorkspace:
    """A new, empty folder below the system's for temporary files, readable by its owner alone.

    It is removed by `close`, when nothing refers to this any more, or when the process ends, whatever comes first.
    A process that was forked from the one that made it never removes it. A pickle or a copy holds the files of
    ``ModelStore`` and makes a folder of its own.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="synth-engine-"))
        self.close = weakref.finalize(self, remove_if_owner, self.path, os.getpid())

    def forget_originals(self) -> None:
        """Remove everything that is derived from single rows; the model is left."""
        shutil.rmtree(self.path / _ORIGINALS, ignore_errors=True)

    def __getstate__(self) -> dict[str, bytes]:
        files = [path for path in sorted((self.path / _MODEL_STORE).rglob("*")) if path.is_file()]
        kept = [path for path in files if path.name != _LEFT_OUT and not path.name.startswith(".")]
        return {str(path.relative_to(self.path).as_posix()): path.read_bytes() for path in kept}

    def __setstate__(self, files: dict[str, bytes]) -> None:
        self.__init__()  # type: ignore[misc] # a folder of its own
        for name, data in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def remove_if_owner(path: Path, owner: int) -> None:
    """Remove a folder, unless this is another process than the one with that id."""
    if os.getpid() == owner:
        shutil.rmtree(path, ignore_errors=True)
