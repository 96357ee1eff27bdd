"""`docs/benchmarks.md` and its pictures, from what is stored: nothing on it is written by hand but the explanations.

    python -m benchmarks.page

Figures come from `benchmarks/results/figures/`, where `benchmarks.run` leaves them. They are kept beside the page, in
`docs/benchmarks/figures.json`, and what was not measured anew is taken from there.
"""

import json
from collections.abc import Mapping
from typing import Any

from benchmarks import plots
from benchmarks.datasets import DATASETS
from benchmarks.engines import ENGINES
from benchmarks.engines.session import STAGES
from benchmarks.environments import ROOT
from benchmarks.report import lookup, table_of
from benchmarks.runs import RESULTS, read_json
from benchmarks.scale import exponent

PAGE = ROOT / "docs" / "benchmarks.md"
FOLDER = ROOT / "docs" / "benchmarks"
STORED = FOLDER / "figures.json"
_INTRODUCTION = """# Benchmarks

This engine beside others, on the same halves of the same tables: one half to train on, one held out to judge by. Each
engine runs in its own environment and process, one after the other, with its own default settings but the limits named;
the load before each dataset tells what else was at work. *times better* compares with `mostlyai-engine`, which has the
same interface; *real rows* is what real rows score in place of synthetic ones. In brackets: the least and the most of
several seeds.

`make bench` measures all of this and writes this page; [figures.json](benchmarks/figures.json) has every figure with
machine, versions and seeds. `sdv`'s synthesizers know no limit of time; they train their 300 epochs. Their `split` does
not exist, their `analyze` is the detection of metadata, `encode` their preprocessing.
"""
_SCORES = """
* *accuracy*, *discriminator AUC*, *share closer to training rows* are those of `mostlyai-qa`. Accuracy is better the
  nearer it is to that of real rows; a share of one half means that nothing was copied.
* *judge AUC*: gradient boosting that sees exact values tells synthetic from held-out rows; 0.5 means that it cannot.
* *trained on synthetic, tested on real*: gradient boosting predicts the column named, AUC or R².
* *membership inference*: of three attacks the one that most surely tells training from held-out rows; 0.5 is chance.
* *to the reference's best likelihood*: seconds of training until held-out rows are as likely as the reference ever
  makes them, both on the codes that the reference writes.
"""


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    found = read_json(STORED) | {path.stem: read_json(path) for path in sorted((RESULTS / "figures").glob("*.json"))}
    for name in DATASETS:
        for runs in found.get(name, {}).get("engines", {}).values():
            for run in runs:
                run.pop("history", None)  # curves of losses: thousands of lines that no table shows
                run.get("likelihood", {}).pop("curve", None)
    STORED.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    parts = [_INTRODUCTION, _machine(found), *_privacy(found), _SCORES]
    parts += [_dataset(name, found[name]) for name in DATASETS if name in found]
    for name, write in (("scale", _scale), ("many_rows", _many_rows), ("floor", _floor)):
        if name in found:
            parts.append(write(found[name]))
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    print(PAGE.relative_to(ROOT))


def _machine(found: Mapping[str, Any]) -> str:
    measured = [each["machine"] for each in found.values() if "machine" in each]
    if not measured:
        return ""
    machine = measured[-1]
    return (
        f"Measured with {machine['cpu_count']} cores of {machine['cpu_model']}, {machine['memory_gib']:g} GiB, no GPU; "
        f"load before each dataset {min(m['load_before'] for m in measured):.1f} to "
        f"{max(m['load_before'] for m in measured):.1f}.\n"
    )


def _privacy(found: Mapping[str, Any]) -> list[str]:
    """Fidelity against privacy, of all flat tables."""
    points: dict[str, dict[str, tuple[float, float]]] = {}
    for name, dataset in DATASETS.items():
        for engine, runs in found.get(name, {}).get("engines", {}).items() if dataset.kind == "flat" else ():
            read = [lookup("quality", *keys)(runs[0]) for keys in (("judge_auc",), ("membership", "auc"))]
            if None not in read:
                points.setdefault(engine, {})[name] = (max(read[0] - 0.5, 1e-3), read[1])
    if not points:
        return []
    across = "judge AUC − 0.5 (less is better)"
    plots.scatter(FOLDER / "privacy.svg", points, across, "membership inference, AUC", chance=0.5)
    return ["\n![Fidelity and privacy of each engine on each table](benchmarks/privacy.svg)\n"]


def _dataset(name: str, found: Mapping[str, Any]) -> str:
    dataset = DATASETS[name]
    runs = {engine: found["engines"][engine] for engine in ENGINES if engine in found["engines"]}
    first = next(run for each in runs.values() for run in each if "training_rows" in run)
    limits = [f"{value:g} {label}" for key, label in _LIMITS.items() if (value := dataset.limits.get(key)) is not None]
    about = [
        f"{dataset.about[0].upper()}{dataset.about[1:]}: {first['training_rows']:,} rows to train on",
        f"at most {' and '.join(limits)}" if limits else "",
        f"the column predicted is `{dataset.target}`" if dataset.target else "",
        f"{len(found['seeds'])} seed{'s' if len(found['seeds']) > 1 else ''}",
    ]
    failed = [ENGINES[engine].label for engine, each in runs.items() if any("failure" in run for run in each)]
    text = f"\n## {name}\n\n{'; '.join(part for part in about if part)}.\n\n{_markdown(*table_of(dataset.kind, runs))}"
    return text + (f"\nFailed: {', '.join(failed)}.\n" if failed else "")


_LIMITS = {"max-minutes": "minutes of training", "sample-size": "rows drawn", "max-epochs": "epochs"}


def _scale(found: Mapping[str, Any]) -> str:
    text = (
        "\n## How cost grows\n\nGenerated tables of categories, amounts, counts, dates and flags; one epoch of "
        "training, as many rows drawn as there were.\nThe dashed line is what linear cost would be. Exponents are of "
        "the last two points: 1 is linear.\n"
    )
    for axis, engines in found["axes"].items():
        panels = {
            stage: {engine: _points(of_engine, stage) for engine, of_engine in engines.items()} for stage in STAGES[1:]
        }
        plots.lines(FOLDER / f"{axis}.svg", panels, axis, "seconds", linear=1.0)
        text += f"\n![Seconds of each stage by {axis}](benchmarks/{axis}.svg)\n\n"
        heading = [axis, *(f"{stage}, s" for stage in STAGES), "peak, MiB"]
        rows = []
        for engine, of_engine in engines.items():
            for value, each in of_engine.items():
                if each["stages"]:
                    seconds = [f"{each['stages'][stage]['seconds']:,.2f}" for stage in STAGES]
                    peak = max(stage["peak_mib"] for stage in each["stages"].values())
                    rows.append([f"{ENGINES[engine].label}, {int(value):,}", *seconds, f"{peak:,.0f}"])
            powers = [exponent(of_engine, stage) for stage in STAGES]
            rows.append(["exponent", *("" if power is None else f"{power:.2f}" for power in powers), ""])
        text += _markdown(heading, rows)
    return text


def _points(of_engine: Mapping[str, Any], stage: str) -> list[tuple[float, float]]:
    return [(float(value), each["stages"][stage]["seconds"]) for value, each in of_engine.items() if each.get("stages")]


def _many_rows(found: Mapping[str, Any]) -> str:
    stages = STAGES[:3]
    heading = ["rows", *(f"{stage}, {unit}" for stage in stages for unit in ("s", "MiB"))]
    rows = [
        [f"{int(n_rows):,}", *(f"{each[stage][key]:,.1f}" for stage in stages for key in ("seconds", "peak_mib"))]
        for n_rows, each in found["rows"].items()
    ]
    return (
        "\n## Many rows\n\nStages before training, 10 columns, partitions of a million rows. `split` is given the "
        f"table in memory.\n\n{_markdown(heading, rows)}"
    )


def _floor(found: Mapping[str, Any]) -> str:
    rates = found["rates"]
    rows = [
        [
            stage,
            f"{each['seconds']:.3f}",
            f"{each['floor_seconds']:.4f}",
            f"{each['seconds'] / each['floor_seconds']:,.1f}×",
            ", ".join(f"`{line['function']}` {line['share']:.0%}" for line in each["profile"][:4]),
        ]
        for stage, each in found["stages"].items()
    ]
    heading = ["stage", "seconds", "floor, seconds", "stage / floor", "where it goes (own time under a profiler)"]
    return (
        "\n## How far from the floor\n\nThe floor of split, analyze and encode: bytes read and written at the speed of "
        f"memory, {rates['bytes'] / 1e9:.1f} GB a second here. Of train and generate: floating-point operations at the "
        f"rate at which this machine multiplies matrices, {rates['flops'] / 1e9:.0f} GFLOP/s. Census, training of two "
        f"epochs.\n\n{_markdown(heading, rows)}"
    )


def _markdown(heading: list[str], rows: list[list[str]]) -> str:
    lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
