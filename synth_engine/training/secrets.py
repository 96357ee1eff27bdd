"""Random numbers that must stay unknown: the noise of private training, and who is in which step.

Belongs here: how a run's key becomes such numbers. Does not belong here: what they are used for, nor randomness that
anybody may guess (`randomness`).
"""

import numpy as np

from synth_engine.training.randomness import Randomness


def secret_generator(randomness: Randomness, *purpose: str | int) -> np.random.Generator:
    """A generator of its own for each purpose of a run; the same purpose gives the same numbers.

    A step that is repeated after an interruption must have the same noise, as two different noises on one sum would
    average out; and processes that share a step must agree on it.

    HMAC-SHA256 of the purpose under the run's key gives the 128-bit key of a Philox counter (Salmon et al., "Parallel
    random numbers: as easy as 1, 2, 3", 2011). PyTorch's generators would not do: that of a CPU has 2**32 streams, few
    enough to try them all and to subtract each. No way is known to find a Philox key from its numbers, but it was not
    designed as a cipher: see decision 018.

    >>> run = Randomness.of_seed(0)
    >>> draws = [secret_generator(run, "noise", step).standard_normal() for step in (0, 1, 0)]
    >>> draws[0] == draws[2], draws[0] == draws[1]
    (True, False)
    """
    key = int.from_bytes(randomness.derived("secret", *purpose)[:16], "big")
    return np.random.Generator(np.random.Philox(key=key))
