"""Linkability: do synthetic rows help to join two halves of a person's record?

Belongs here: links by common neighbours. Does not belong here: guesses of values.
"""

import numpy as np
import numpy.typing as npt

from synth_engine.domain.randomness import generator
from synth_engine.evaluation.privacy.features import MAX_ROWS, Prepared, Rows, Space
from synth_engine.evaluation.privacy.intervals import risk_of, share
from synth_engine.evaluation.privacy.neighbours import nearest
from synth_engine.evaluation.privacy.results import NotMeasured, Result, Risk

N_TARGETS = 2_000
"""So many training units are attacked, and as many held-out ones."""

_LEAST = 20
_NEIGHBOURS = 3


class Linkability(Result):
    """Links between two halves of the columns.

    Attributes:
        link: The risk.
        n_columns: How many columns each half has.
        n_neighbours: Synthetic units that are looked at on either side.
    """

    link: Risk
    n_columns: tuple[int, int]
    n_neighbours: int
    means: str = (
        "How much better an attacker who has two files with different columns of the same people can join them with "
        "the help of the synthetic rows, if the people were in the training data than if not."
    )
    does_not_mean: str = (
        "Anything, where the attack is weak (no better than random neighbours). The columns were divided at random; "
        "files that divide them in another way may be easier to join."
    )


def linkability(
    prepared: Prepared, *, seed: int = 0, max_rows: int = MAX_ROWS, n_targets: int = N_TARGETS
) -> Linkability | NotMeasured:
    """Count targets whose halves have a common one among their three closest synthetic units (Giomi et al.).

    The control are held-out units; the baseline are random neighbours. Synthetic units are in another order for each
    half: of equally close ones the first are taken, and these must not be the same for no reason.

    Args:
        prepared: Rows of all origins.
        seed: Of samples and of the halves.
        max_rows: Synthetic rows that are looked at, at most (fewer of wide tables).
        n_targets: Units of either kind that are attacked, at most.
    """
    lacking = prepared.lacks(_LEAST) or ("needs at least two columns" if len(prepared.names) < 2 else None)
    if lacking:
        return NotMeasured(not_measured=lacking)
    space, rng = Space.of(prepared), generator(seed, "privacy", "linkability")
    synthetic = prepared.synthetic.shuffled(rng, space.most(max_rows))
    halves = np.array_split(rng.permutation(len(prepared.names)), 2)
    orders = [rng.permutation(len(synthetic)) for _ in halves]
    rates = []
    for real in (prepared.training, prepared.holdout):
        targets = real.shuffled(rng, n_targets)
        sides = [
            order[_neighbours(space, targets, synthetic.take(order), half)]
            for half, order in zip(halves, orders, strict=True)
        ]
        linked = (sides[0][:, :, None] == sides[1][:, None, :]).any(axis=(1, 2))
        rates.append(share(int(linked.sum()), len(linked)))
    none = np.prod(1 - _NEIGHBOURS / (len(synthetic) - np.arange(_NEIGHBOURS)))
    return Linkability(
        link=risk_of(rates[0], rates[1], float(1 - none)),
        n_columns=(len(halves[0]), len(halves[1])),
        n_neighbours=_NEIGHBOURS,
    )


def _neighbours(space: Space, targets: Rows, synthetic: Rows, columns: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    chosen = [int(column) for column in columns]
    return nearest(space.points(targets, chosen), space.points(synthetic, chosen), _NEIGHBOURS)[1]
