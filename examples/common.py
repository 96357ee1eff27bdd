"""What the examples share: arguments, real tables with a clear word where one is missing, figures beside each other."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from synth_engine.report import judge, make_report


def arguments(told: str | None, name: str) -> argparse.Namespace:
    """`--data`, `--workspace` and `--quick`; `told` is the docstring of the example, `name` that of its workspace."""
    parser = argparse.ArgumentParser(description=told, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the real tables")
    parser.add_argument("--workspace", type=Path, default=Path("build/examples") / name, help="where everything goes")
    parser.add_argument("--quick", action="store_true", help="few rows and epochs: less than a minute, and poor rows")
    return parser.parse_args()


def read(folder: Path, file: str) -> pd.DataFrame:
    """One of the real tables."""
    path = folder / file
    if not path.exists():
        raise SystemExit(f"{path} is missing: name the folder that holds {file} with --data, see examples/README.md")
    return pd.read_csv(path)


def beside(title: str, figures: Callable[[pd.DataFrame], Any], **tables: pd.DataFrame) -> None:
    """Print the same figures of several tables beside each other."""
    found = {name: figures(table) for name, table in tables.items()}
    print(f"\n{title}\n{pd.DataFrame(found).round(3).to_string()}")


def judged(workspace: Path) -> None:
    """Measure what came out, tell what is wrong with it, and where all figures are."""
    verdict = judge(make_report(workspace))
    print("\nMay it go out?", "Yes." if verdict.passed else "No.")
    for finding in [*verdict.blocking, *verdict.warnings]:
        print(f"{finding.severity}: {finding.check.value}: {finding.says}")
    print(f"Figures, attacks and what they mean: {workspace / 'QualityReport' / 'report.html'}")
