"""The choices that the interface names. Values are the strings that users write in files and on the command line."""

from enum import StrEnum


class ModelType(StrEnum):
    """The type of model."""

    TABULAR = "TABULAR"
    LANGUAGE = "LANGUAGE"


class ModelEncodingType(StrEnum):
    """How a column is turned into integer codes for the model, and back."""

    AUTO = "AUTO"
    TABULAR_CATEGORICAL = "TABULAR_CATEGORICAL"
    TABULAR_NUMERIC_AUTO = "TABULAR_NUMERIC_AUTO"
    TABULAR_NUMERIC_DISCRETE = "TABULAR_NUMERIC_DISCRETE"
    TABULAR_NUMERIC_BINNED = "TABULAR_NUMERIC_BINNED"
    TABULAR_NUMERIC_DIGIT = "TABULAR_NUMERIC_DIGIT"
    TABULAR_CHARACTER = "TABULAR_CHARACTER"
    TABULAR_DATETIME = "TABULAR_DATETIME"
    TABULAR_DATETIME_RELATIVE = "TABULAR_DATETIME_RELATIVE"
    TABULAR_LAT_LONG = "TABULAR_LAT_LONG"
    LANGUAGE_TEXT = "LANGUAGE_TEXT"
    LANGUAGE_CATEGORICAL = "LANGUAGE_CATEGORICAL"
    LANGUAGE_NUMERIC = "LANGUAGE_NUMERIC"
    LANGUAGE_DATETIME = "LANGUAGE_DATETIME"


class ModelStateStrategy(StrEnum):
    """What becomes of a model and of training progress that already exist."""

    reset = "RESET"
    reuse = "REUSE"
    resume = "RESUME"


class RareCategoryReplacementMethod(StrEnum):
    """How rare categories appear in the synthetic data: as the constant ``_RARE_``, or as a draw from the others.

    Only categories: in place of a rare character of a text another is drawn in any case.
    """

    constant = "CONSTANT"
    sample = "SAMPLE"
