"""The registry of language models: encoding types by name, and which one suits a column when nobody says.

A new encoding is a new file and one line here.
"""

from typing import Annotated, TypeAlias

import pyarrow as pa
from pydantic import Field

from synth_engine.domain import InputError, ModelEncodingType
from synth_engine.encodings.fitting import FitterOf
from synth_engine.encodings.language.auto import LanguageTextAuto
from synth_engine.encodings.language.base import LanguageEncoding
from synth_engine.encodings.language.categorical import LanguageCategorical
from synth_engine.encodings.language.datetime import LanguageDatetime
from synth_engine.encodings.language.numeric import LanguageNumeric
from synth_engine.encodings.language.text import LanguageText

LanguageFitter: TypeAlias = FitterOf[LanguageEncoding]
"""What fits an encoding of a language model."""

AnyLanguageEncoding = Annotated[
    LanguageText | LanguageCategorical | LanguageNumeric | LanguageDatetime, Field(discriminator="encoding_type")
]

# In the order in which they are offered a column of type AUTO.
_FITTERS: tuple[LanguageFitter, ...] = (
    LanguageNumeric,
    LanguageDatetime,
    LanguageTextAuto,
    LanguageCategorical,
    LanguageText,
)
_BY_TYPE = {item.type: item for item in _FITTERS}


def language_types() -> list[ModelEncodingType]:
    """Encoding types of language models, AUTO included."""
    return sorted(_BY_TYPE)


def language_fitter(encoding_type: ModelEncodingType) -> LanguageFitter:
    """The fitter of a column of a language table; the type is one of `language_types`."""
    return _BY_TYPE[encoding_type]


def detect_language(dtype: pa.DataType) -> ModelEncodingType:
    """The encoding type that AUTO stands for; AUTO again for text, since only the values tell.

    Raises:
        InputError: no encoding takes the type.
    """
    for candidate in _FITTERS:
        if candidate.accepts(dtype):
            return candidate.type
    raise InputError(f"expected a flat type (text, number, boolean, date, time), found {dtype}")
