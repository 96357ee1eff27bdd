"""How good synthetic events are: baseball seasons, drawn for players of whom the model has never heard.

    python -m benchmarks.sequences [--max-epochs 5] [--workspace DIR] [--report report.html] [--json sequences.json]

Trains on half of the players and all their seasons. Draws seasons for the players of the other half, so that nothing is
known by heart about those whose context is given, and their real seasons show what could be reached: the same players,
the same context. Prints

* `mostlyai-qa` with context, synthetic and held-out seasons against those trained on: accuracy (overall, univariate,
  bivariate, coherence), discriminator AUC, the share of sequences closer to training than to held-out ones;
* figures of our own, synthetic and training seasons against held-out ones: total variation between the laws of the next
  `team` and `league` given the one before, how often they stay, players whose `year` never runs backwards, lengths;
* how many seasons were drawn, and how fast.

The accuracy of the reference on baseball is 0.88 as published (fielding table, GPU).
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.baseball import FOLDER, KEYS, Baseball, halves, read_baseball
from benchmarks.coherence import coherence_figures
from synth_engine import analyze, encode, generate, split, train
from synth_engine.summary import synthetic_table

KEY, ORDER, FOLLOWING = KEYS["tgt_context_key"], "year", ["team", "league"]
MAX_EMBEDDINGS = 10_000  # seasons of each kind; of all 54,000 they take 594 s beside other work instead of a minute


def main() -> None:
    args = _arguments()
    originals, holdout = halves(read_baseball(args.folder, args.max_players), args.data_seed)
    with tempfile.TemporaryDirectory() as folder:
        root = args.workspace or folder
        figures: dict[str, Any] = {}
        if not (Path(root) / "ModelStore" / "model-data").exists():
            figures["training_seconds"] = fit(originals, root, max_epochs=args.max_epochs, random_state=args.seed)
        synthetic, figures["generation_seconds"] = drawn(holdout, root, args.seed)
    if args.seasons:
        synthetic.seasons.to_parquet(args.seasons, index=False)
    figures |= {
        "events": len(synthetic.seasons),
        **score(originals, holdout, synthetic, args.report, args.max_embeddings),
    }
    print_figures(figures)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2))


def fit(tables: Baseball, root: str, **settings: Any) -> float:
    """Train a model of seasons given players; returns seconds, without those of the stages before."""
    split(tables.seasons, ctx_data=tables.players, workspace_dir=root, random_state=0, **KEYS)
    analyze(workspace_dir=root, random_state=0)
    encode(workspace_dir=root)
    started = time.perf_counter()
    train(workspace_dir=root, **settings)
    return time.perf_counter() - started


def drawn(tables: Baseball, root: str, seed: int) -> tuple[Baseball, float]:
    """These players with synthetic seasons, and the seconds that took."""
    started = time.perf_counter()
    generate(ctx_data=tables.players, workspace_dir=root, random_state=seed)
    seconds = time.perf_counter() - started
    return Baseball(tables.players, synthetic_table(root).to_pandas()[tables.seasons.columns]), seconds


def score(
    originals: Baseball,
    holdout: Baseball,
    synthetic: Baseball,
    report: Path | None = None,
    max_embeddings: int = MAX_EMBEDDINGS,
) -> dict[str, Any]:
    """All figures of synthetic seasons; `reachable`: those of real ones in their place."""
    from benchmarks.quality import qa_metrics

    started = time.perf_counter()
    metrics = qa_metrics(
        originals.seasons,
        holdout.seasons,
        synthetic.seasons,
        report,
        trn_ctx_data=originals.players,
        hol_ctx_data=holdout.players,
        syn_ctx_data=synthetic.players,
        max_sample_size_embeddings=max_embeddings,
        **KEYS,
    )
    return {
        "qa": metrics,
        "qa_seconds": time.perf_counter() - started,
        "coherence": _coherence(synthetic, holdout),
        "reachable": _coherence(originals, holdout),
    }


def _coherence(tables: Baseball, real: Baseball) -> dict[str, Any]:
    sizes = len(tables.players), len(real.players)
    return coherence_figures(tables.seasons, real.seasons, KEY, sizes, FOLLOWING, ORDER)


def print_figures(figures: dict[str, Any]) -> None:
    """The figures as one table; the last column is what real seasons reach in place of synthetic ones."""
    table = Table(title=f"{figures['events']:,} synthetic seasons")
    for heading in ("", "synthetic", "real"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    accuracy, similarity = figures["qa"]["accuracy"], figures["qa"].get("similarity", {})
    for name in ("overall", "univariate", "bivariate", "coherence"):
        table.add_row(f"accuracy, {name}", *_cells(accuracy.get(name), accuracy.get(f"{name}_max")))
    auc = (similarity.get(f"discriminator_auc_training_{each}") for each in ("synthetic", "holdout"))
    table.add_row("discriminator AUC (mostlyai-qa)", *_cells(*auc))
    table.add_row("share closer to training", *_cells(figures["qa"].get("distances", {}).get("dcr_share"), None))
    ours, real = figures["coherence"], figures["reachable"]
    for name in FOLLOWING:
        table.add_row(f"next {name} | {name}, distance", *_cells(*(each["transitions"][name] for each in (ours, real))))
        table.add_row(f"{name} stays, share", *_cells(*ours["stays"][name]))
    table.add_row(f"{ORDER} never backwards, share", *_cells(*ours["never_backwards"]))
    table.add_row("lengths, distance", *_cells(*(each["lengths"]["total_variation"] for each in (ours, real))))
    for length, shares in ours["lengths"]["shares"].items():
        table.add_row(f"length {length}, share", *_cells(*shares))
    for name in ("mean", "longest"):
        table.add_row(f"length, {name}", *_cells(*ours["lengths"][name]))
    Console(width=120).print(table)
    for name in ("training_seconds", "generation_seconds", "qa_seconds"):
        if name in figures:
            print(f"{name.replace('_', ' ')}: {figures[name]:.1f}")


def _cells(*values: float | None) -> list[str]:
    return ["–" if value is None else f"{value:.4f}" for value in values]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of players.csv.gz and batting.csv.gz")
    parser.add_argument("--max-players", type=int, help="take a random part of the players, both halves together")
    parser.add_argument("--data-seed", type=int, default=0, help="of the halves")
    parser.add_argument("--seed", type=int, default=0, help="of training and generation")
    parser.add_argument("--max-epochs", type=float, help="default: until the validation loss no longer improves")
    parser.add_argument("--workspace", help="where to train; a model that is there already is not trained again")
    parser.add_argument("--report", type=Path, help="where to keep the HTML report; default: nowhere")
    parser.add_argument("--seasons", type=Path, help="where to keep the synthetic seasons, parquet")
    told = "rows whose text embeddings AUC and share are computed from"
    parser.add_argument("--max-embeddings", type=int, default=MAX_EMBEDDINGS, help=told)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
