"""Differentially private training of subjects with their events: what it costs, and which history encoder suits it.

    python -m benchmarks.private_sequences --epsilon 3 --epochs 20 --variants "as it is" plain

Baseball players and their seasons; δ = 1e-5, of which training has half; statistics by thresholds, so the epsilons are
those of training alone. Figures: validation loss (nats per player, divided by the usual number of seasons) and seconds
of clock and processor per epoch.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import torch

from benchmarks.baseball import FOLDER, KEYS, read_baseball
from synth_engine import analyze, encode, split, train
from synth_engine.sequences import history, network
from synth_engine.stages.learning.sequential import SequenceKind
from synth_engine.stages.model_files import Described, load_sequence_network
from synth_engine.workspace import Artefact, Workspace

# What is other than in the product: constants of modules.
VARIANTS = {
    "as it is": {},
    "half the units": {(network, "UNITS_PER_HIDDEN"): 1},
    "two layers": {(history, "N_LAYERS"): 2},
    "plain": {},
}


@contextmanager
def changed(constants: dict) -> Iterator[None]:
    """With these constants in place of those of the product."""
    if not constants:
        yield
        return
    ((module, name), value), *others = constants.items()
    with patch.object(module, name, value), changed(dict(others)):
        yield


def measure(root: str, epsilon: float | None, epochs: float) -> str:
    """Train, and tell the figures."""
    privacy = None if epsilon is None else {"target_epsilon": epsilon}
    processor = time.process_time()
    train(workspace_dir=root, max_epochs=epochs, differential_privacy=privacy, random_state=0)
    processor = time.process_time() - processor
    workspace = Workspace(root)
    facts = workspace.manifest(Artefact.MODEL_DATA).facts
    described, _ = Described.read(workspace)
    kind = SequenceKind.read(described, workspace.read(Artefact.ENCODED_DATA), torch.device("cpu"), None)
    model = load_sequence_network(workspace.read(Artefact.MODEL_DATA), described, torch.device("cpu"))
    loss = kind.task(model, flexible=True).validation_loss(model)
    done = facts["outcome"]["epochs"]
    return (
        f"validation loss {loss:.3f}, {facts['parameters']:,} parameters, {done:g} epochs, "
        f"an epoch {facts['outcome']['seconds'] / done:.1f} s, {processor / done:.1f} s of processor"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=FOLDER)
    parser.add_argument("--epsilon", type=float, default=3.0)
    parser.add_argument("--epochs", type=float, default=20.0)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    args = parser.parse_args()
    tables = read_baseball(args.data)
    with tempfile.TemporaryDirectory() as root:
        split(tables.seasons, ctx_data=tables.players, workspace_dir=root, random_state=0, **KEYS)
        analyze(workspace_dir=root, random_state=0)
        encode(workspace_dir=root)
        for name in args.variants:
            with changed(VARIANTS[name]):
                epsilon = None if name == "plain" else args.epsilon
                print(f"{name}, epsilon {epsilon}: {measure(root, epsilon, args.epochs)}", flush=True)


if __name__ == "__main__":
    main()
