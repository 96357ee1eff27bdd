"""Which device a stage computes on."""

import os

import torch

from synth_engine.domain import InputError


def resolve_device(device: str | None) -> torch.device:
    """The device asked for, or a GPU where there is one; raises `InputError` for one that cannot be used."""
    try:
        chosen = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        if str(chosen) == "cuda" and "LOCAL_RANK" in os.environ:
            chosen = torch.device("cuda", int(os.environ["LOCAL_RANK"]))  # of the processes that torchrun started
    except RuntimeError:
        raise InputError(f"device: expected 'cpu' or 'cuda', found {device!r}") from None
    if chosen.type not in ("cpu", "cuda"):
        raise InputError(f"device: expected 'cpu' or 'cuda', found {device!r}")
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise InputError("device: 'cuda' was asked for, but no usable GPU was found; leave it out or use 'cpu'")
    return chosen
