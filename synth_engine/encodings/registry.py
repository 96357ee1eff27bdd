"""The registry of tabular models: encoding types by name, and which one suits a column when nobody says.

A new encoding is a new file and one line here.
"""

from typing import Annotated, TypeAlias

import pyarrow as pa
from pydantic import Field

from synth_engine.domain import InputError, ModelEncodingType
from synth_engine.encodings.auto import Auto
from synth_engine.encodings.base import Encoding
from synth_engine.encodings.categorical import CategoricalEncoding
from synth_engine.encodings.character import CharacterEncoding
from synth_engine.encodings.datetime import DatetimeEncoding
from synth_engine.encodings.datetime_relative import DatetimeRelativeEncoding
from synth_engine.encodings.fitting import FitterOf
from synth_engine.encodings.lat_long import LatLongEncoding
from synth_engine.encodings.numeric_auto import NumericAuto
from synth_engine.encodings.numeric_binned import NumericBinnedEncoding
from synth_engine.encodings.numeric_digit import NumericDigitEncoding
from synth_engine.encodings.numeric_discrete import NumericDiscreteEncoding

Fitter: TypeAlias = FitterOf[Encoding]
"""What fits an encoding of a tabular model."""

AnyEncoding = Annotated[
    CategoricalEncoding
    | NumericDiscreteEncoding
    | NumericBinnedEncoding
    | NumericDigitEncoding
    | DatetimeEncoding
    | DatetimeRelativeEncoding
    | CharacterEncoding
    | LatLongEncoding,
    Field(discriminator="encoding_type"),
]

# In the order in which they are offered a column of type AUTO.
_FITTERS: tuple[Fitter, ...] = (
    NumericAuto,
    DatetimeEncoding,
    Auto,
    CategoricalEncoding,
    NumericDiscreteEncoding,
    NumericBinnedEncoding,
    NumericDigitEncoding,
    DatetimeRelativeEncoding,
    CharacterEncoding,
    LatLongEncoding,
)
_BY_TYPE = {item.type: item for item in _FITTERS}


def supported_types() -> list[ModelEncodingType]:
    """Encoding types of tabular models, AUTO included."""
    return sorted(_BY_TYPE)


def fitter(encoding_type: ModelEncodingType) -> Fitter:
    """The fitter of a column of a tabular model; the type is one of `supported_types`."""
    return _BY_TYPE[encoding_type]


def detect(dtype: pa.DataType) -> ModelEncodingType:
    """The encoding type that AUTO stands for; raises `InputError` where no encoding takes the type.

    For text that is AUTO again, since only the values tell; so it may be for dates of events.
    """
    for candidate in _FITTERS:
        if candidate.accepts(dtype):
            return candidate.type
    raise InputError(f"expected a flat type (text, number, boolean, date, time), found {dtype}")
