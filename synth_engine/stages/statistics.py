"""``stats.json``: the fitted encodings of a table and the few facts around them. Shareable."""

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from synth_engine.domain.arrow_types import schema_from_text
from synth_engine.encodings import AnyEncoding
from synth_engine.encodings.language import AnyLanguageEncoding
from synth_engine.stages.lengths import SequenceLengths
from synth_engine.stages.lists import ListEncoding


class Keys(BaseModel):
    """Key columns, None where there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    primary_key: str | None = None
    context_key: str | None = None


class AnalysisPrivacy(BaseModel):
    """The guarantee of differential privacy that statistics have.

    Args:
        epsilon: Privacy loss of this analysis, of all tables together.
        delta: Probability that it is larger.
        secure_noise: Whether nobody can repeat the noise; not so where a seed was given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epsilon: float
    delta: float
    secure_noise: bool


class TableStatistics(BaseModel):
    """Everything that encoding, training and generation need to know of a table.

    Records are what the model learns from and what is generated one by one: subjects where the table has a context key,
    rows otherwise. `is_sequential` says that their number of rows has to be modelled: it is not one for everybody, as
    far as that may be known.

    `columns` are those with one value per row; `lists` are those of a context table that hold lists.
    Where the model is a language model, there are none of either, and `language` has all columns.

    With `differential_privacy` the numbers of records are noisy as well: do not take them for the length of anything.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: dict[str, AnyEncoding]
    lists: dict[str, ListEncoding] = {}
    language: dict[str, AnyLanguageEncoding] = {}
    no_of_training_records: int
    no_of_validation_records: int
    seq_len: SequenceLengths = SequenceLengths()
    is_sequential: bool = False
    keys: Keys = Keys()
    value_protection: bool = True
    differential_privacy: AnalysisPrivacy | None = None
    arrow_schema: str

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the original table, in its column order."""
        return schema_from_text(self.arrow_schema)

    @property
    def total_records(self) -> int:
        """Training and validation records together."""
        return self.no_of_training_records + self.no_of_validation_records


FILE_NAME = "stats.json"
