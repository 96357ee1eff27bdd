"""No row breaks a constraint: whatever types, encodings, orders of columns, seeds, gaps, temperatures."""

import numpy as np
import pytest

from synth_engine.constraints import violations
from synth_engine.domain import InputError
from tests.stages.constrained import KINDS, comparable, imputable, inequalities, said, source, with_gaps

N = 60
WISHES = [{}, {"sampling_temperature": 0.0}, {"sampling_top_p": 0.4}, {"batch_size": 7}]


@pytest.mark.parametrize("kind", KINDS)
def test_no_row_breaks_an_inequality(kind: str):
    """And given values stay, be they values of any such table, with gaps that are to be filled or that stay."""
    outcomes = [outcome_of(kind, np.random.default_rng(seed)) for seed in range(15)]
    assert outcomes.count(2) >= 3, "most are refused"


def outcome_of(kind: str, rng: np.random.Generator) -> int:
    """0: refused, 1: refused with seeds, 2: neither."""
    encodings = comparable(kind, rng)
    constraints = inequalities(list(encodings), rng)
    wishes = WISHES[rng.integers(len(WISHES))] | {"constraints": constraints}
    try:
        rows = source(encodings, N, seed=1, **wishes).shard(0)
    except InputError as error:  # they cannot be compared, or there are no such values
        return 0 if str(error).startswith("constraints: ") else pytest.fail(str(error))
    assert violations(rows, said(*constraints)) == [0] * len(constraints)

    names = [name for name in encodings if rng.random() < 0.6] or ["c0"]
    filled = [name for name in names if name in imputable(encodings) and rng.random() < 0.5]
    seeds = with_gaps(source(encodings, N, seed=2, **wishes).shard(0).select(names), 0.3, seed=3)
    wishes["imputation"] = {"columns": filled}
    try:
        filling = source(encodings, N, seeds, seed=4, **wishes).shard(0)
    except InputError as error:  # nulls were what kept the constraints
        return 1 if str(error).startswith(("seed_data: in ", "constraints: ")) else pytest.fail(str(error))
    assert violations(filling, said(*constraints)) == [0] * len(constraints)
    for name in names:
        exact = [encodings[name].canonical(table[name].combine_chunks()).to_pylist() for table in (seeds, filling)]
        for before, after in zip(*exact, strict=True):
            assert after == before or (name in filled and before is None)
        assert name not in filled or filling[name].null_count == 0
    return 2
