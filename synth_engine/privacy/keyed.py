"""Random numbers that are looked up, not used up: any of them can be drawn again from a secret key and its name.

A training that was interrupted must add the same noise when it repeats a step; two different noises on one sum would
average out. And processes that share a step must agree on it without talking.

Belongs here: how a key and a name become a generator. Does not belong here: what is drawn.
"""

import hashlib
import hmac
import secrets

import numpy as np

KEY_BYTES = 32


def fresh_key() -> bytes:
    """A key from the operating system's secure generator."""
    return secrets.token_bytes(KEY_BYTES)


def keyed_generator(key: bytes, *name: str | int) -> np.random.Generator:
    """A generator of its own for every key and name.

    HMAC-SHA256 of the name under `key` gives the 128-bit key of a Philox counter (Salmon et al., "Parallel random
    numbers: as easy as 1, 2, 3", 2011). So there are 2**128 streams, and no stream tells of another one. PyTorch's
    generators would not do for noise: those of a CPU have 2**32 streams, few enough to try them all and to subtract each.
    Philox passes every known statistical test and no way is known to find its key, but it was not made as a cipher.

    Args:
        key: Secret, and of one training only: whoever has it can subtract the noise.
        name: What the numbers are for.

    >>> draws = [keyed_generator(b"k" * 32, "noise", step).standard_normal() for step in (0, 1, 0)]
    >>> draws[0] == draws[2], draws[0] == draws[1]
    (True, False)
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in name)
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "big")))
