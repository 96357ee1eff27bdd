"""What it costs to want something of rows: columns that are given, and equal rates for all groups.

    python -m benchmarks.wishes [--workspace DIR] [--given income sex occupation] [--json wishes.json]

Trains on half of the table's rows, unless a workspace with a model of that half is there already. Then prints

* how far the distribution of a given column together with each other one is from held-out rows (total variation,
  numbers in tenths, mean over the other columns), beside training rows and rows of which nothing was given;
* the rates of a target by sensitive columns with and without fairness, and the accuracy of `mostlyai-qa` of both.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.data import CENSUS, load_table, split_halves
from benchmarks.private_training import prepare
from synth_engine import generate, train
from synth_engine.summary import synthetic_table

N_GROUPS = 10


def drawn(root: str, like: pd.DataFrame, **wishes: Any) -> pd.DataFrame:
    """Synthetic rows with the columns of `like`."""
    generate(workspace_dir=root, random_state=1, **wishes)
    frame: pd.DataFrame = synthetic_table(root).to_pandas()
    return frame[like.columns]


def in_groups(table: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    """The table with its numbers in tenths of those of `like`, and all else as text."""
    grouped = {}
    for name in table:
        if like[name].dtype.kind in "iuf" and like[name].nunique() > 2 * N_GROUPS:
            edges = np.unique(np.nanquantile(like[name], np.linspace(0, 1, N_GROUPS + 1)[1:-1]))
            grouped[name] = np.searchsorted(edges, table[name], "right").astype(str)
        else:
            grouped[name] = table[name].astype(str).to_numpy()
    return pd.DataFrame(grouped)


def error_beside(table: pd.DataFrame, holdout: pd.DataFrame, given: str) -> float:
    """Mean total variation between the joint distributions of `given` and each other column."""
    one, other = in_groups(table, holdout), in_groups(holdout, holdout)
    errors = []
    for name in one.columns.drop(given):
        shares = [rows.value_counts([given, name], normalize=True) for rows in (one, other)]
        errors.append(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)
    return float(np.mean(errors))


def measure_given(root: str, originals: pd.DataFrame, holdout: pd.DataFrame, names: list[str]) -> dict[str, Any]:
    """How well the other columns follow a given one."""
    plain = drawn(root, originals)
    figures = {}
    for name in names:
        found = {
            "training rows": error_beside(originals, holdout, name),
            "nothing given": error_beside(plain, holdout, name),
            "given": error_beside(drawn(root, originals, seed_data=holdout[[name]]), holdout, name),
        }
        print(f"{name}: " + ", ".join(f"{what} {error:.4f}" for what, error in found.items()), flush=True)
        figures[name] = found
    return figures


def measure_fairness(
    root: str, originals: pd.DataFrame, holdout: pd.DataFrame, target: str, value: str, sensitive: list[str]
) -> dict[str, Any]:
    """Largest gaps between rates, and accuracy, with and without."""
    from benchmarks.quality import qa_metrics

    wishes = {"fairness": {"target_column": target, "sensitive_columns": sensitive}}
    figures = {}
    for name, settings in {"without fairness": {}, "with fairness": wishes}.items():
        rows = drawn(root, originals, **settings)
        is_value = rows[target].astype(str) == value
        groups = [[column] for column in sensitive] + [sensitive] * (len(sensitive) > 1)
        gaps = {
            " by ".join(names): float(np.ptp(is_value.groupby([rows[n] for n in names]).mean())) for names in groups
        }
        accuracy = qa_metrics(originals, holdout, rows)["accuracy"]
        figures[name] = {"rate": float(is_value.mean()), "gaps": gaps, "accuracy": accuracy}
        told = ", ".join(f"{names} {gap:.4f}" for names, gap in gaps.items())
        print(f"{name}: {target} = {value} in {is_value.mean():.4f}; largest gaps by {told}; ", end="")
        print(f"accuracy {accuracy['overall']:.4f} (bivariate {accuracy['bivariate']:.4f})", flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=CENSUS)
    parser.add_argument("--workspace", help="of a model of the first half of the table, with seed 0")
    parser.add_argument("--given", nargs="*", default=["income", "sex", "occupation", "age"], metavar="COLUMN")
    parser.add_argument("--target", nargs=2, default=["income", ">50K"], metavar=("COLUMN", "VALUE"))
    parser.add_argument("--sensitive", nargs="+", default=["sex", "race"], metavar="COLUMN")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    args = parser.parse_args()
    originals, holdout = split_halves(load_table(args.table), 0)
    with tempfile.TemporaryDirectory() as folder:
        root = args.workspace or folder
        if args.workspace is None:
            prepare(originals, root)
            train(workspace_dir=root, random_state=0)
        figures = {
            "given": measure_given(root, originals, holdout, args.given),
            "fairness": measure_fairness(root, originals, holdout, *args.target, args.sensitive),
        }
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
