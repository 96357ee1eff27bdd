"""How often the gate refuses what it should let pass, and lets pass what it should refuse.

    python -m benchmarks.refusals [--table PATH] [--rows 500 2000 8000] [--seeds 20] [--copied 0 0.02 0.1]

Real rows in three disjoint parts of a size: to train on, to hold out, and in place of synthetic ones. None of these was
learned from anybody, so every refusal of them is false. With `--copied` a share of them is replaced by training rows,
and every pass is a leak that was not seen. Counted: reports refused, and for each check how often it failed.
"""

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from benchmarks.data import CENSUS, load_table
from benchmarks.machine import commit, describe_machine
from benchmarks.runs import RESULTS
from synth_engine.evaluation.privacy.intervals import share
from synth_engine.report import Verdict, judge, measure_report
from synth_engine.summary import synthetic_table
from tests.report.finished import finished, put


def main() -> None:
    args = _arguments()
    table = load_table(args.table)
    found = []
    for n_rows in args.rows:
        for copied in args.copied:
            verdicts = [verdict_of(table, n_rows, copied, seed) for seed in range(args.seeds)]
            found.append({"rows": n_rows, "copied": copied, **counted(verdicts)})
            print(_line(found[-1]), flush=True)
    path = RESULTS / f"refusals-{args.table.name.split('.')[0]}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"machine": describe_machine(), "commit": commit(), "found": found}, indent=2))
    print(f"All figures: {path}")


def verdict_of(table: pd.DataFrame, n_rows: int, copied: float, seed: int) -> Verdict:
    """What the gate says of real rows, of which a share was copied from the training rows."""
    rows = table.sample(3 * n_rows, random_state=seed)
    real, other = (
        pa.Table.from_pandas(part, preserve_index=False) for part in (rows[: 2 * n_rows], rows[2 * n_rows :])
    )
    with tempfile.TemporaryDirectory() as folder:
        workspace = finished(Path(folder), real)
        n_copies = round(copied * n_rows)
        put(workspace, pa.concat_tables([synthetic_table(folder).slice(0, n_copies), other.slice(n_copies)]))
        return judge(measure_report(folder, seed=seed)[0])


def counted(verdicts: list[Verdict]) -> dict[str, Any]:
    """Reports refused, with an interval of 95 %, and how often each check failed and would have blocked or warned."""
    failed = Counter(finding.check.value for each in verdicts for finding in each.findings if not finding.passed)
    refused = share(sum(not each.passed for each in verdicts), len(verdicts))
    return {"reports": len(verdicts), "refused": refused.model_dump(), "failed": dict(failed)}


def _line(found: dict[str, Any]) -> str:
    refused = found["refused"]
    failed = ", ".join(f"{name} {count}" for name, count in sorted(found["failed"].items()))
    return (
        f"{found['rows']:>7,} rows, {found['copied']:.0%} copied: refused {refused['hits']} of {found['reports']} "
        f"({refused['lower']:.3f} to {refused['upper']:.3f}); failed: {failed or 'none'}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=CENSUS)
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 2_000, 8_000])
    parser.add_argument("--copied", type=float, nargs="+", default=[0.0])
    parser.add_argument("--seeds", type=int, default=20)
    return parser.parse_args()


if __name__ == "__main__":
    main()
