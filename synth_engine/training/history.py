"""What happened in training, epoch by epoch: the lines of ``progress-messages.csv``."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True)
class Record:
    """State at the end of an epoch. Losses are in nats per record, `total_time` in seconds of training.

    Under differential privacy there are no losses, as they would tell of the records; `dp_eps` and `dp_delta` say what
    all steps up to there cost.
    """

    epoch: float
    is_checkpoint: bool
    steps: int
    samples: int
    trn_loss: float | None
    val_loss: float | None
    total_time: float
    learn_rate: float
    dp_eps: float | None = None
    dp_delta: float | None = None


class History:
    """The records of one training."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]]) -> Self:
        """From the fields of records."""
        history = cls()
        history.records = [Record(**record) for record in records]
        return history

    def add(self, record: Record) -> None:
        """Append a record."""
        self.records.append(record)

    def to_csv(self) -> str:
        """All records as CSV; an empty field is a value that does not exist."""
        text = io.StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(Record)], lineterminator="\n")
        writer.writeheader()
        for record in self.records:
            row = asdict(record) | {"is_checkpoint": int(record.is_checkpoint)}
            writer.writerow({name: _short(value) for name, value in row.items()})
        return text.getvalue()


def _short(value: float | None) -> float | str | None:
    return f"{value:.7g}" if isinstance(value, float) else value
