"""Identifiers of models: which there are, and for which type of data each is."""

from importlib.util import find_spec

from synth_engine.domain import InputError, ModelType
from synth_engine.tabular.sizes import DEFAULT, check_identifier

FROM_SCRATCH = "MOSTLY_AI/LSTMFromScratch-3m"
_OURS = "MOSTLY_AI/"
_OF_LANGUAGE = ("peft", "safetensors", "tokenizers", "transformers", "xgrammar")


def default_model(model_type: ModelType) -> str:
    """The identifier where nobody names one.

    >>> default_model(ModelType.LANGUAGE)
    'MOSTLY_AI/LSTMFromScratch-3m'
    """
    return FROM_SCRATCH if model_type is ModelType.LANGUAGE else DEFAULT


def check_installed(model_type: ModelType) -> None:
    """Raise `InputError` where the libraries of a type of model are missing: those of language models are an extra."""
    missing = [name for name in _OF_LANGUAGE if find_spec(name) is None] if model_type is ModelType.LANGUAGE else []
    if missing:
        raise InputError(
            f"model_type: expected the libraries of language models, found no {', '.join(missing)}; "
            "install them: pip install 'synth-engine[language]'"
        )


def check_model(identifier: str | None, model_type: ModelType = ModelType.TABULAR) -> None:
    """Raise `InputError` for an identifier that cannot be one of this type of data; None is the default.

    A language model may be any causal language model that transformers can load: whether there is one of that name,
    only loading it tells.
    """
    if model_type is ModelType.TABULAR:
        check_identifier(identifier)
    elif identifier not in (None, FROM_SCRATCH) and (identifier.startswith(_OURS) or not identifier.strip()):
        raise InputError(
            f"model: expected {FROM_SCRATCH}, the name of a causal language model on the Hugging Face hub, or the "
            f"folder of one, as the columns have LANGUAGE encodings; found {identifier!r}"
        )
