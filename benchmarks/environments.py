"""The environments of other engines, `.venv-NAME/` in the root of the repository: made once, then reused.

    python -m benchmarks.environments [reference] [sdv]

torch is installed first and alone, by pip, because pip finds a local CPU wheel where uv does not. Everything else is
pinned in `NAME-requirements.txt` and installed without dependencies, so that nothing can pull another torch.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TORCH = "torch==2.13.0"


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and the distribution in it that is measured: `engine` is installed last."""

    name: str
    engine: str

    @property
    def folder(self) -> Path:
        """Where it is."""
        return ROOT / f".venv-{self.name}"

    def python(self) -> Path:
        """Its Python, made first where it is missing or was left unfinished."""
        python = self.folder / "bin" / "python"
        if not self._is_complete():
            subprocess.run([sys.executable, "-m", "venv", "--clear", self.folder], check=True)
            subprocess.run([python, "-m", "pip", "install", TORCH], check=True)
            self._install(python, "-r", str(Path(__file__).with_name(f"{self.name}-requirements.txt")))
            self._install(python, self.engine)
        return python

    def _is_complete(self) -> bool:
        name = self.engine.replace("-", "_").replace("==", "-") + ".dist-info"
        return any(self.folder.glob(f"lib/python*/site-packages/{name}"))

    def _install(self, python: Path, *what: str) -> None:
        """Install without dependencies, by uv where this environment has it: much faster than pip."""
        uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
        pip: list[str | Path] = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
        subprocess.run([*pip, "--no-deps", *what], check=True)


REFERENCE = Environment("reference", "mostlyai-engine==2.7.3")
SDV = Environment("sdv", "sdv==2.0.0")


def main() -> None:
    known = {environment.name: environment for environment in (REFERENCE, SDV)}
    for name in sys.argv[1:] or known:
        if name not in known:
            sys.exit(f"expected some of {', '.join(known)}, found {name!r}")
        print(known[name].python())


if __name__ == "__main__":
    main()
