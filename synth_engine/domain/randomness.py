"""Seeds: every generator is derived from one seed and the name of what it is for; there is no global state."""

import hashlib
import secrets

import numpy as np


def fresh_seed() -> int:
    """A seed from the operating system's entropy."""
    return secrets.randbits(63)


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A seed for one purpose. Different purposes give independent streams.

    >>> derive_seed(0, "train") == derive_seed(0, "train")
    True
    >>> derive_seed(0, "train") == derive_seed(0, "generate", 1)
    False
    """
    text = "\x1f".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A NumPy generator for one purpose."""
    return np.random.default_rng(derive_seed(seed, *purpose))
