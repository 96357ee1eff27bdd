"""Differentially private training of subjects with their events: what it costs, and which history encoder suits it.

    python -m benchmarks.private_sequences --variants "as it is" GRU attention --regimes private plain --seeds 0 1

Baseball players and their seasons; δ = 1e-5, of which training has half; statistics by thresholds, so the epsilons are
those of training alone. Figures: validation loss (nats per player, divided by the usual number of seasons) and seconds
of clock and processor per epoch. Without privacy it is the ordinary network that is trained, about twice as wide.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import torch

from benchmarks.baseball import FOLDER, KEYS, read_baseball
from benchmarks.history_encoders import AttentiveHistory, GatedHistory, NormalisedGatedHistory, NormalisedHistory
from synth_engine import analyze, encode, split, train
from synth_engine.sequences import history, network
from synth_engine.stages.learning.sequential import SequenceKind
from synth_engine.stages.model_files import Described, load_sequence_network
from synth_engine.workspace import Artefact, Workspace

# What is other than in the product: names of modules.
VARIANTS = {
    "as it is": {},
    "half the units": {(network, "UNITS_PER_HIDDEN"): 1},
    "two layers": {(history, "N_LAYERS"): 2},
    "GRU": {(network, "History"): GatedHistory},
    "normalised": {(network, "History"): NormalisedHistory},
    "GRU, normalised": {(network, "History"): NormalisedGatedHistory},
    "attention": {(network, "History"): AttentiveHistory},
}
PRIVATE, PLAIN = "private", "plain"


class Figures(NamedTuple):
    """What a training came to; seconds are those of an epoch."""

    loss: float
    parameters: int
    epochs: float
    seconds: float
    processor: float

    def __str__(self) -> str:
        return (
            f"validation loss {self.loss:.3f}, {self.parameters:,} parameters, {self.epochs:g} epochs, "
            f"an epoch {self.seconds:.1f} s, {self.processor:.1f} s of processor"
        )


@contextmanager
def changed(names: dict) -> Iterator[None]:
    """With these values in place of those of the product."""
    if not names:
        yield
        return
    ((module, name), value), *others = names.items()
    with patch.object(module, name, value), changed(dict(others)):
        yield


def measure(root: str, epsilon: float | None, epochs: float, seed: int) -> Figures:
    """Train, and judge."""
    privacy = None if epsilon is None else {"target_epsilon": epsilon}
    processor = time.process_time()
    train(workspace_dir=root, max_epochs=epochs, differential_privacy=privacy, random_state=seed)
    processor = time.process_time() - processor
    workspace = Workspace(root)
    facts = workspace.manifest(Artefact.MODEL_DATA).facts
    described, _ = Described.read(workspace)
    kind = SequenceKind.read(described, workspace.read(Artefact.ENCODED_DATA), torch.device("cpu"), None)
    model = load_sequence_network(workspace.read(Artefact.MODEL_DATA), described, torch.device("cpu"))
    loss = kind.task(model, flexible=True).validation_loss(model)
    done = facts["outcome"]["epochs"]
    return Figures(loss, facts["parameters"], done, facts["outcome"]["seconds"] / done, processor / done)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=FOLDER)
    parser.add_argument("--players", type=int, help="so many of them, drawn at random; all if not given")
    parser.add_argument("--epsilon", type=float, default=3.0)
    parser.add_argument("--epochs", type=float, default=20.0)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--regimes", nargs="+", choices=(PRIVATE, PLAIN), default=[PRIVATE])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    args = parser.parse_args()
    tables = read_baseball(args.data, args.players)
    with tempfile.TemporaryDirectory() as root:
        split(tables.seasons, ctx_data=tables.players, workspace_dir=root, random_state=0, **KEYS)
        analyze(workspace_dir=root, random_state=0)
        encode(workspace_dir=root)
        for regime in args.regimes:
            epsilon = args.epsilon if regime == PRIVATE else None
            measure(root, epsilon, 0.1, 0)  # so that no variant pays for what is imported once
            losses: dict[str, list[float]] = {name: [] for name in args.variants}
            for seed in args.seeds:  # one after the other, so that the load of the machine meets all alike
                for name in args.variants:
                    with changed(VARIANTS[name]):
                        figures = measure(root, epsilon, args.epochs, seed)
                    losses[name].append(figures.loss)
                    print(f"{name}, epsilon {epsilon}, seed {seed}: {figures}", flush=True)
            for name, found in losses.items():
                spread = f" ± {statistics.stdev(found):.3f}" if len(found) > 1 else ""
                print(f"{name}, epsilon {epsilon}: {statistics.fmean(found):.3f}{spread}", flush=True)


if __name__ == "__main__":
    main()
