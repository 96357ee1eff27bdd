"""Our engine.

In its environment: `python -m benchmarks.engines.ours --train train.parquet --workspace DIR --out result.json`.
"""

from benchmarks.engines.session import main

if __name__ == "__main__":
    main(module="synth_engine", distribution="synth-engine")
