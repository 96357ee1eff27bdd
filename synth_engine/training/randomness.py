"""Randomness by counting: what is random in a step follows from the run's key and the number of the step.

So there is no generator whose state would have to be kept. A run that was interrupted repeats exactly what it would
have done, and several processes agree on a step without talking about it.
"""

import hashlib
import hmac
import secrets
from typing import Self

import torch

KEY_BYTES = 32


class Randomness:
    """Seeds and keys for every purpose of one run.

    Args:
        key: Secret of the run, `KEY_BYTES` long. Whoever knows it can repeat all that was random.

    >>> one, same = Randomness.of_seed(1), Randomness.of_seed(1)
    >>> one.seed("rows", 3) == same.seed("rows", 3) != one.seed("rows", 4)
    True
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"expected a key of {KEY_BYTES} bytes, found {len(key)}")
        self.key = key

    @classmethod
    def fresh(cls) -> Self:
        """From the operating system's entropy."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def of_seed(cls, seed: int) -> Self:
        """The same for the same seed, everywhere. Seeds can be guessed: not for anything that must stay secret."""
        return cls(hashlib.sha256(f"train {seed}".encode()).digest())

    def derived(self, *purpose: str | int) -> bytes:
        """A key of `KEY_BYTES` for one purpose; tells nothing about those for others (HMAC-SHA256)."""
        text = "\x1f".join(str(part) for part in purpose)
        return hmac.digest(self.key, text.encode(), "sha256")

    def seed(self, *purpose: str | int) -> int:
        """A seed of 63 bits for one purpose."""
        return int.from_bytes(self.derived(*purpose)[:8], "big") >> 1

    def generator(self, device: torch.device, *purpose: str | int) -> torch.Generator:
        """A generator for one purpose."""
        return torch.Generator(device).manual_seed(self.seed(*purpose))
