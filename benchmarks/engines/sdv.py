"""One synthesizer of `sdv`, by its public methods; its parts by the names of the stages that they come closest to.

In its environment: `python -m benchmarks.engines.sdv --synthesizer CTGANSynthesizer --train train.parquet ...`.
`analyze` detects the metadata, `encode` is `preprocess`, `train` is `fit_processed_data`, `generate` is `sample`. These
synthesizers know epochs and no limit of time: `--max-minutes` is ignored, and the seconds of `train` show by how much.
"""

import json
import shutil
import time
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.engines.session import Stopwatch, described, parser_of_engines


def main() -> None:
    parser = parser_of_engines(__doc__)
    parser.add_argument("--synthesizer", required=True, help="class of sdv.single_table")
    args = parser.parse_args()
    shutil.rmtree(args.workspace, ignore_errors=True)
    args.workspace.mkdir(parents=True)
    warnings.simplefilter("ignore")  # advice on settings, at every call
    started = time.perf_counter()
    import numpy as np
    import torch
    from sdv import single_table
    from sdv.metadata import Metadata

    import_seconds = time.perf_counter() - started
    np.random.seed(args.seed)  # noqa: NPY002 what its synthesizers draw from
    torch.manual_seed(args.seed or 0)
    table = pd.read_parquet(args.train)
    stages = Stopwatch()
    # no keys are looked for: a column whose values happen to be unique is not one
    metadata = stages("analyze", Metadata.detect_from_dataframes, data={"table": table}, infer_keys=None)
    options: dict[str, Any] = {} if args.max_epochs is None else {"epochs": round(args.max_epochs)}
    synthesizer = getattr(single_table, args.synthesizer)(metadata, **options)
    processed = stages("encode", synthesizer.preprocess, {"table": table})
    stages("train", synthesizer.fit_processed_data, processed)
    synthesizer.save(str(args.workspace / "synthesizer.pkl"))  # for its size; nothing reads it
    n_rows = len(table) if args.sample_size is None else args.sample_size
    synthetic = stages("generate", synthesizer.sample, num_rows=n_rows)["table"]
    losses = getattr(synthesizer, "get_loss_values", None)
    result = {
        "engine": args.synthesizer,
        **described("sdv", import_seconds, args.seed, args.max_epochs),
        **stages.result(len(table), len(synthetic)),
        "last_epoch": float(losses()["Epoch"].nunique()) if losses else None,
    }
    synthetic[table.columns].to_parquet(args.out.with_name("synthetic.parquet"), index=False)
    Path(args.out).write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
