"""Constraints on real tables that obey them: kept in every synthetic row, and little else is changed."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from synth_engine.constraints import violations
from synth_engine.io import read_table
from tests.stages.constrained import between, inequality, said, together
from tests.stages.helpers import fit
from tests.stages.test_stages_generate import make
from tests.test_real_tables import distance

N = 20_000


def schooling(frame: pd.DataFrame) -> list[dict[str, Any]]:
    pairs = frame[["education", "education_num"]].drop_duplicates()
    wedded = frame[["relationship", "marital_status", "sex"]].drop_duplicates().dropna()
    return [
        together(list(pairs), pairs.values.tolist()),
        together(list(wedded), wedded.values.tolist()),
        between("age", 17, 90),
    ]


TABLES = {
    "census": (["age", "education", "education_num", "marital_status", "relationship", "sex", "income"], schooling),
    "players": (
        ["birthDate", "deathDate", "weight", "bats"],
        lambda _: [inequality("birthDate", "deathDate", strict=True)],
    ),
    "batting": (
        ["G", "AB", "H", "HR", "BB"],
        lambda _: [inequality("HR", "H"), inequality("H", "AB"), between("G", 1)],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_real_tables_keep_what_they_obey(shared_data: Path, tmp_path: Path, name: str):
    columns, constraints_of = TABLES[name]
    original = read_table(shared_data / f"{name}.csv.gz").select(columns)
    constraints = constraints_of(original.to_pandas())
    assert violations(original, said(*constraints)) == [0] * len(constraints)
    root = str(tmp_path)
    fit(original, root, max_epochs=2)
    plain, kept = (make(root, sample_size=N, constraints=some) for some in (None, constraints))
    assert sum(violations(plain, said(*constraints))) > 0
    assert violations(kept, said(*constraints)) == [0] * len(constraints)
    for column in columns:  # no further from the original than rows without constraints, but for a hundredth
        before, after = (distance(original[column].to_pandas(), rows[column].to_pandas()) for rows in (plain, kept))
        assert after < before + 0.01, column
