"""Every Arrow type comes back exactly, or is refused by name; and `docs/types.md` tells the truth about each."""

import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synth_engine import analyze, encode, generate, split, train
from synth_engine.domain import InputError
from synth_engine.encodings import detect
from synth_engine.stages.layouts import from_plain, original_table, plain_table, plain_type, to_plain, type_in_parquet
from synth_engine.summary import synthetic_table
from tests.stages.arrow_types import COLUMNS, REFUSED, N, with_nulls
from tests.stages.helpers import fit

ROOT = Path(__file__).resolve().parents[2]
# Types without a value.
NULLS = pa.dictionary(pa.int8(), pa.null())
by_column = pytest.mark.parametrize("column", COLUMNS, ids=lambda column: str(column.type))


def make_table() -> pa.Table:
    """A column of every type without nulls, declared so, and one with."""
    full = {f"{i} full": column for i, column in enumerate(COLUMNS) if not has_null(column)}
    gaps = {f"{i} gaps": with_nulls(column) for i, column in enumerate(COLUMNS)}
    fields = [pa.field(name, column.type, nullable=name not in full) for name, column in (full | gaps).items()]
    return pa.table([*full.values(), *gaps.values()], schema=pa.schema(fields))


def has_null(column: pa.Array) -> bool:
    return None in column.to_pylist()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("types") / "ws")
    fit(make_table(), folder, max_epochs=0)
    generate(workspace_dir=folder, random_state=1)
    return folder


def test_the_schema_comes_back_exactly(root: str):
    """Names, order, types, units, zones, index types, and what was declared to have no nulls."""
    twin = synthetic_table(root)
    assert twin.schema.equals(make_table().schema)
    assert twin.schema.metadata is None
    assert not any(field.metadata for field in twin.schema)
    twin.validate(full=True)


def test_values_come_back(root: str):
    """Every value is common, so that only values of the original can be drawn, but for numbers and dates."""
    twin, table = synthetic_table(root), make_table()
    for field in table.schema:
        made, seen = twin[field.name].to_pylist(), table[field.name].to_pylist()
        assert None not in made or None in seen, field
        if detect(plain_type(field.type)) == "TABULAR_CATEGORICAL":
            assert set(map(str, made)) <= set(map(str, seen)), field
        if len({str(value) for value in seen}) <= 3:
            assert len({str(value) for value in made}) > 1 or pa.types.is_null(field.type), field


def test_seeds_of_every_type_come_back_as_they_are(root: str, tmp_path: Path):
    folder = str(shutil.copytree(root, tmp_path / "ws"))
    generate(workspace_dir=folder, seed_data=make_table(), random_state=1)
    twin = synthetic_table(folder)
    assert twin.schema.equals(make_table().schema)
    for field in twin.schema:
        assert twin[field.name].to_pylist() == make_table()[field.name].to_pylist(), field


def test_gaps_of_every_type_are_filled(root: str, tmp_path: Path):
    folder = str(shutil.copytree(root, tmp_path / "ws"))
    seeds = make_table()
    seeds = seeds.select([name for name in seeds.column_names if seeds[name].type not in (pa.null(), NULLS)])
    generate(workspace_dir=folder, seed_data=seeds, imputation={"columns": seeds.column_names}, random_state=1)
    twin = synthetic_table(folder)
    for name in seeds.column_names:
        made, given = twin[name].to_pylist(), seeds[name].to_pylist()
        assert None not in made, name
        assert [value for value, was in zip(made, given, strict=True) if was is not None] == [
            value for value in given if value is not None
        ]


def test_files_have_the_types_that_parquet_has(root: str):
    schema = pq.read_schema(Path(root) / "SyntheticData" / "part.000000.parquet")
    for field in make_table().schema:
        wanted = type_in_parquet(field.type) or type_in_parquet(plain_type(field.type))
        assert schema.field(field.name).type == wanted
        assert schema.field(field.name).nullable == field.nullable


def test_a_second_run_makes_the_same_statistics(root: str, tmp_path: Path):
    again = str(tmp_path / "again")
    fit(make_table(), again, max_epochs=0)
    stats = [(Path(folder) / "ModelStore" / "tgt-stats" / "stats.json").read_text() for folder in (root, again)]
    assert stats[0] == stats[1]


@by_column
def test_plain_layouts_and_back(column: pa.Array):
    for values in (column, with_nulls(column), column.slice(1), column.slice(N // 3, 5), column.slice(0, 0)):
        plain = to_plain(values)
        plain.validate(full=True)
        assert plain.type == plain_type(column.type)
        assert plain_type(plain.type) == plain.type
        again = from_plain(plain, column.type)
        again.validate(full=True)
        assert again.type == column.type
        assert again.to_pylist() == values.to_pylist()


def test_runs_longer_than_their_index_counts():
    column = pa.RunEndEncodedArray.from_arrays(pa.array([20_000, 30_000], pa.int16()), pa.array(["x", "y"]))
    table = pa.table({"a": pa.chunked_array([column] * 3)})
    plain = plain_table(table).combine_chunks()
    assert original_table(plain).schema == table.schema
    assert original_table(plain)["a"].to_pylist() == table["a"].to_pylist()


class Money(pa.ExtensionType):
    """A type that one process knows and another does not."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        super().__init__(pa.int64(), "tests.money")

    def __arrow_ext_serialize__(self) -> bytes:
        return self.currency.encode()

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> "Money":
        return cls(serialized.decode())


def test_an_extension_type_that_only_the_reader_and_the_writer_know(tmp_path: Path):
    folder = str(tmp_path / "ws")
    euros = pa.ExtensionArray.from_storage(Money("EUR"), pa.array([5, 10] * (N // 2)))
    pa.register_extension_type(Money("EUR"))
    try:
        split(pa.table({"a": euros}), workspace_dir=folder)
        pa.unregister_extension_type("tests.money")
        analyze(workspace_dir=folder, random_state=1)
        encode(workspace_dir=folder)
        train(workspace_dir=folder, max_epochs=0, random_state=1)
        generate(workspace_dir=folder, random_state=1)
        assert synthetic_table(folder)["a"].type == pa.int64()
        pa.register_extension_type(Money("EUR"))
        dtype = synthetic_table(folder)["a"].type
        assert (type(dtype), dtype.currency) == (Money, "EUR")
    finally:
        pa.unregister_extension_type("tests.money")


@pytest.mark.parametrize("column", REFUSED, ids=lambda column: str(column.type))
def test_what_is_no_single_value_is_refused_by_name(tmp_path: Path, column: pa.Array):
    table = pa.table({"plain": range(N), "the culprit": column})
    with pytest.raises(InputError, match=r"column 'the culprit' holds .* values; expected one plain value per row"):
        split(table, workspace_dir=tmp_path / "ws")


# --- the documentation ------------------------------------------------------------------------------------------------


def documented() -> dict[str, tuple[str, str]]:
    """From the table in the documentation: by type, the encoding and what happens to the type in the files."""
    rows = {}
    for line in (ROOT / "docs" / "types.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            rows |= {name: (cells[1].strip("`"), cells[2].strip("`")) for name in re.findall(r"`([^`]+)`", cells[0])}
    return rows


@by_column
def test_the_documentation_names_the_encoding_and_the_type_in_the_files(column: pa.Array):
    encoding, in_files = documented()[str(column.type).replace("|", "\\|")]
    read_back = type_in_parquet(column.type)
    detected = detect(plain_type(column.type))
    assert encoding == ("chosen by the values" if detected == "AUTO" else detected.removeprefix("TABULAR_"))
    assert in_files == ("same" if read_back == column.type else str(read_back or plain_type(column.type)))


def test_the_documentation_names_no_other_types():
    told = {str(column.type) for column in (*COLUMNS, *REFUSED)}
    assert set(documented()) - told == set()
    refused = [name for name, (encoding, _) in documented().items() if encoding == "refused"]
    assert set(refused) == {str(column.type) for column in REFUSED}
