"""The reference engine, as a black box: its public verbs and the artefacts it writes, never its source.

In its environment: `python -m benchmarks.engines.reference --train train.parquet --workspace DIR --out result.json`.
"""

from benchmarks.engines.session import main

if __name__ == "__main__":
    main(module="mostlyai.engine", distribution="mostlyai-engine")
