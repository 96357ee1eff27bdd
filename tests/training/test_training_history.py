"""The history as CSV."""

import csv
import io
from dataclasses import fields

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.training import History, Record

numbers = st.floats(-1e9, 1e9) | st.integers(0, 10**6).map(float)
counts = st.integers(0, 2**40)
records = st.builds(
    Record,
    epoch=st.floats(0, 1000).map(lambda epoch: round(epoch, 3)),
    is_checkpoint=st.booleans(),
    steps=counts,
    samples=counts,
    trn_loss=numbers | st.none(),
    val_loss=numbers | st.none(),
    total_time=st.floats(0, 1e6),
    learn_rate=st.floats(0, 1),
    dp_eps=numbers | st.none(),
    dp_delta=numbers | st.none(),
)


def to_csv(some: list[Record]) -> str:
    history = History()
    for record in some:
        history.add(record)
    return history.to_csv()


@given(st.lists(records, max_size=4))
def test_survives_the_file_to_seven_digits(some):
    rows = list(csv.DictReader(io.StringIO(to_csv(some))))
    assert len(rows) == len(some)
    for row, record in zip(rows, some, strict=True):
        assert list(row) == [field.name for field in fields(Record)]
        for name, text in row.items():
            value = getattr(record, name)
            assert text == "" if value is None else float(text) == pytest.approx(float(value), rel=1e-6)
        assert row["is_checkpoint"] in ("0", "1")
        assert (row["steps"], row["samples"]) == (str(record.steps), str(record.samples))


def test_no_records_leave_the_header():
    assert to_csv([]) == "epoch,is_checkpoint,steps,samples,trn_loss,val_loss,total_time,learn_rate,dp_eps,dp_delta\n"


def test_pandas_reads_missing_losses_as_missing():
    record = Record(1.0, True, 10, 100, 2.5, None, 3.25, 1e-3)
    frame = pd.read_csv(io.StringIO(to_csv([record])))
    assert frame.loc[0, "trn_loss"] == 2.5
    assert frame.loc[0, ["val_loss", "dp_eps", "dp_delta"]].isna().all()
