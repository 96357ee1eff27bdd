"""Where pretrained language models come from: a folder, or Hugging Face's hub where the user names a model of it.

Guarantees:
    - there is no access to the network for a model that is named by a path;
    - no code comes with a model: neither Python files of its own nor pickled weights, which may hold any.
"""

import re
from pathlib import Path
from typing import Any

import torch
from torch import nn

from synth_engine.domain import InputError
from synth_engine.language.pretrained import DEFAULT_RANK, AdapterSizes, PretrainedNetwork
from synth_engine.language.pretrained_vocabulary import PretrainedVocabulary

# "name" or "owner/name", as the hub has them.
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


def load_pretrained(
    name: str, device: torch.device, *, rank: int = DEFAULT_RANK, four_bit: bool = False
) -> tuple[PretrainedNetwork, PretrainedVocabulary]:
    """A pretrained model with new adapters, and its vocabulary.

    Args:
        name: A folder with a model in Hugging Face's format, or its name on the hub.
        device: Where it shall run.
        rank: Of the adapters.
        four_bit: Keep the pretrained weights with 4 bits each; wants a GPU and `bitsandbytes`.

    Raises:
        InputError: there is no such model, it has no safetensors, it brings code, or its tokenizer is not a fast one.
    """
    model = pretrained_model(name, device, four_bit=four_bit)
    return PretrainedNetwork(model, AdapterSizes(rank)), pretrained_vocabulary(name, model)


def pretrained_model(name: str, device: torch.device, *, four_bit: bool = False) -> Any:
    """The model that a user names, without adapters; arguments and errors as of `load_pretrained`."""
    return load_model(name, device, is_local=_check_place(name), four_bit=four_bit)


def pretrained_vocabulary(name: str, model: Any) -> PretrainedVocabulary:
    """The vocabulary of that model; raises as `load_pretrained`."""
    size = int(model.config.get_text_config().vocab_size)
    return PretrainedVocabulary.of(load_tokenizer(name, is_local=_check_place(name)), size)


def load_model(name: str, device: torch.device, *, is_local: bool, four_bit: bool = False) -> Any:
    """The model alone, without dropout, in the precision that suits the device."""
    from transformers import AutoConfig, AutoModelForCausalLM

    options: dict[str, Any] = {"local_files_only": is_local, "trust_remote_code": False}
    has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
    further: dict[str, Any] = {"dtype": torch.bfloat16 if has_bf16 else torch.float32}
    if four_bit:
        further |= {"quantization_config": _four_bit(device), "device_map": {"": device}}
    try:
        config = without_dropout(AutoConfig.from_pretrained(name, **options))
        model = AutoModelForCausalLM.from_pretrained(name, config=config, use_safetensors=True, **options, **further)
    except (OSError, ValueError) as error:
        raise _not_found(name, error, is_local=is_local) from error
    return model if four_bit else nn.Module.to(model, device)


def load_tokenizer(name: str, *, is_local: bool) -> Any:
    """The tokenizer that belongs to it."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=is_local, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise _not_found(name, error, is_local=is_local) from error
    if not tokenizer.is_fast:
        raise InputError(
            f"model {name!r}: expected a fast tokenizer (tokenizer.json), found {type(tokenizer).__name__}; "
            "save one with `transformers`, or take another model"
        )
    return tokenizer


def without_dropout(config: Any) -> Any:
    """A model's configuration with all rates of dropped units at zero: losses shall follow from tokens and weights."""
    for each in {id(part): part for part in (config, config.get_text_config())}.values():
        for key, value in vars(each).items():
            if isinstance(value, float) and any(part in key for part in ("dropout", "pdrop", "layerdrop")):
                setattr(each, key, 0.0)
    return config


def _check_place(name: str) -> bool:
    """Whether a model is a folder, and then whether all is there."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        if _HUB_NAME.fullmatch(name):
            return False
        raise InputError(f"model {name!r}: expected a folder or a name on Hugging Face's hub, found no such folder")
    files = {path.name for path in folder.iterdir()}
    if "config.json" not in files:
        raise InputError(f"model {name!r}: expected config.json in this folder, found {sorted(files)[:10]}")
    if not any(file.endswith(".safetensors") for file in files):
        is_pickled = any(file.endswith((".bin", ".pt", ".pth")) for file in files)
        found = "pickled weights only, which may run any code when loaded" if is_pickled else "no weights"
        raise InputError(
            f"model {name!r}: expected weights as *.safetensors in this folder, found {found}; "
            "save the model with `save_pretrained` of `transformers`"
        )
    return True


def _four_bit(device: torch.device) -> Any:
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise InputError("four_bit: needs the package 'bitsandbytes', found none; install it") from error
    if device.type != "cuda":
        raise InputError(f"four_bit: needs a GPU, found the device {device.type!r}")
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16,
    )


def _not_found(name: str, error: Exception, *, is_local: bool) -> InputError:
    reason = str(error).strip().partition("\n")[0]
    if is_local:
        return InputError(f"model {name!r}: this folder cannot be loaded as a causal language model: {reason}")
    return InputError(
        f"model {name!r}: expected a folder, or a causal language model with safetensors on Hugging Face's hub; "
        f"found none. The name or the connection may be at fault: {reason}"
    )
