"""The reference engine's own environment, `.venv-reference/` in the root of the repository: made once, then reused.

    python -m benchmarks.reference_env

torch is installed first and alone, by pip, because pip finds a local CPU wheel where uv does not. Everything else is
pinned in `reference-requirements.txt` and installed without dependencies, so that nothing can pull another torch.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVIRONMENT = ROOT / ".venv-reference"
PYTHON = ENVIRONMENT / "bin" / "python"
REQUIREMENTS = Path(__file__).with_name("reference-requirements.txt")
TORCH = "torch==2.13.0"
ENGINE = "mostlyai-engine==2.7.3"


def ensure_reference_env() -> Path:
    """The Python of the reference's environment, made first where it is missing or was left unfinished."""
    if not _is_complete():
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        subprocess.run([PYTHON, "-m", "pip", "install", TORCH], check=True)
        _install("-r", str(REQUIREMENTS))
        _install(ENGINE)
    return PYTHON


def _is_complete() -> bool:
    """Whether the engine, installed last, is there in the wanted version."""
    name = ENGINE.replace("-", "_").replace("==", "-") + ".dist-info"
    return any(ENVIRONMENT.glob(f"lib/python*/site-packages/{name}"))


def _install(*what: str) -> None:
    """Install without dependencies, by uv where this environment has it: much faster than pip."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    pip: list[str | Path] = [uv, "pip", "install", "--python", PYTHON] if uv else [PYTHON, "-m", "pip", "install"]
    subprocess.run([*pip, "--no-deps", *what], check=True)


if __name__ == "__main__":
    print(ensure_reference_env())
