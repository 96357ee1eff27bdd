"""What is said on standard error: errors in the words of the command line, warnings without their source code."""

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from synth_engine.domain import UserError, without_secrets
from synth_engine.io.places import CLIENT_LIBRARIES

# Parameters of the verbs, as errors name them, and what they are called here.
_OPTIONS = {
    "tgt_data": "the table",
    "tgt_primary_key": "--primary-key",
    "tgt_encoding_types": "--encoding",
    "ctx_data": "--context",
    "ctx_primary_key": "--context-primary-key",
    "tgt_context_key": "--context-key",
    "ctx_encoding_types": "--context-encoding",
    "trn_val_split": "--trn-val-split",
    "n_partitions": "--n-partitions",
    "workspace_dir": "--workspace",
    "random_state": "--seed",
    "differential_privacy.value_protection_epsilon": "--value-protection-epsilon",
    "differential_privacy.delta": "--delta",
    "differential_privacy.max_epsilon": "--max-epsilon",
    "differential_privacy.target_epsilon": "--target-epsilon",
    "differential_privacy.noise_multiplier": "--noise-multiplier",
    "differential_privacy.max_grad_norm": "--max-grad-norm",
    "differential_privacy.accountant": "--accountant",
    "differential_privacy.dataset_epsilon": "--dataset-epsilon",
    "differential_privacy": "--value-protection-epsilon",
    "target_epsilon": "--target-epsilon",
    "max_epsilon": "--max-epsilon",
    "noise_multiplier": "--noise-multiplier",
    "dataset_epsilon": "--dataset-epsilon",
    "value_protection_epsilon": "--value-protection-epsilon",
    "max_epochs": "--max-epochs",
    "max_training_time": "--max-training-time",
    "batch_size": "--batch-size",
    "gradient_accumulation_steps": "--gradient-accumulation-steps",
    "max_sequence_window": "--max-sequence-window",
    "four_bit": "--four-bit",
    "model_state_strategy": "--model-state-strategy",
    "sample_size": "--sample-size",
    "sampling_temperature": "--temperature",
    "sampling_top_p": "--top-p",
    "rare_category_replacement_method": "--rare",
    "seed_data": "--seed-data",
    "model": "--model",
    "device": "--device",
    "rebalancing": "--rebalance",
    "imputation": "--impute",
    "fairness": "--fair",
}
# Words that are ordinary as well are parameters only where an error begins with them. None is one in quotes or paths.
_PARAMETER = re.compile(
    r"^(?P<word>model|device|rebalancing|imputation|fairness)(?=[:.])(?P<dot_of_word>\.)?"
    rf"|(?<![\w'\"/.-])(?P<name>{'|'.join(name for name in _OPTIONS if '_' in name)})(?![\w'\"/-])(?P<dot>\.(?=\S))?"
)
# click's own, or that of the copy of click inside typer
_UsageError: Any = typer.BadParameter.__base__


def told(error: Exception) -> str | None:
    """What to tell of an error that the user can mend; None for those of the program, which may quote data."""
    if isinstance(error, _UsageError):
        return _usage(error)
    if isinstance(error, UserError | NotImplementedError):
        return _PARAMETER.sub(_as_option, str(error))
    if type(error).__name__ == "OutOfMemoryError":
        return "the GPU has too little memory for this; choose a smaller --batch-size, or --device cpu"
    if isinstance(error, MemoryError):
        return "there is too little memory for this; choose a smaller --batch-size, or fewer rows"
    if isinstance(error, OSError):
        return ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)
    return str(error) if type(error).__module__.partition(".")[0] in CLIENT_LIBRARIES else None


def _as_option(found: re.Match[str]) -> str:
    """``--encoding age`` for ``tgt_encoding_types.age``."""
    return _OPTIONS[found["name"] or found["word"]] + (" " if found["dot"] or found["dot_of_word"] else "")


def _usage(error: Any) -> str:
    context = error.ctx
    advice = f" ({context.command_path} --help shows what there is)" if context is not None else ""
    return f"{error.format_message().rstrip('.')}{advice}"


def print_line(text: str, *, is_error: bool = False) -> None:
    """Print one line on standard error, whatever the text holds; secrets in URLs are left out."""
    words = " ".join(without_secrets(text).split())
    line = Text("Error: " if is_error else "", style="bold red")
    line.append("".join(each if each.isprintable() else "�" for each in words), style="not bold default")
    Console(file=sys.stderr).print(line, soft_wrap=True)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Warnings of the engine as one line each; those among libraries are no business of the user."""
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
            warnings.filterwarnings("default", category=UserWarning, module=r"synth_engine\b")
        warnings.showwarning = lambda message, *_args, **_more: print_line(f"Warning: {message}")
        yield
