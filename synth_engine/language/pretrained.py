"""Pretrained language models with adapters: only these are trained, averaged and stored.

Adapters are two thin matrices beside each linear layer (Hu et al., "LoRA", arXiv 2106.09685).

Belongs here: the network. Does not belong here: where a model comes from (`pretrained_source`).
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from synth_engine.domain import InputError
from synth_engine.language.network import LanguageNetwork, State
from synth_engine.nn import Taps
from synth_engine.nn.taps import Rule

DEFAULT_RANK = 16
# Weights are added as ``alpha / rank`` times the product of the two matrices.
_ALPHA_PER_RANK = 2
# See `nn.pairs`: single precision sums up with an error of about this share, which is added to norms.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class AdapterSizes:
    """Of adapters.

    Args:
        rank: Columns of the thinner side of each.
        dropout: Share of units that are dropped in training: none.
        four_bit: Whether the weights beside them are kept with 4 bits each.
    """

    rank: int
    dropout: float = 0.0
    four_bit: bool = False


@dataclass(frozen=True)
class PretrainedState:
    """Keys and values of all that was read; None before anything was."""

    cache: Any

    def select(self, rows: Tensor) -> "PretrainedState":
        """Those of some texts."""
        if self.cache is None:
            return self
        cache = _copied(self.cache)
        cache.reorder_cache(rows)
        return PretrainedState(cache)


class PretrainedNetwork(LanguageNetwork):
    """A causal language model of `transformers` with adapters beside all linear layers but the last.

    Guarantees:
        - a copy (`copy.deepcopy`) has adapters of its own, and shares everything else;
        - `state_dict` has the adapters and nothing else;
        - no unit is dropped, so that losses follow from tokens and weights alone.

    Args:
        model: The model, without adapters; see `pretrained_source.load_model`. It is changed.
        sizes: Of the adapters.
        saves_memory: Compute what is inside layers a second time instead of keeping it. Not with taps.
    """

    def __init__(self, model: Any, sizes: AdapterSizes, *, saves_memory: bool = True) -> None:
        super().__init__()
        from peft import LoraConfig, get_peft_model
        from transformers.pytorch_utils import Conv1D

        config = LoraConfig(
            task_type="CAUSAL_LM",
            r=sizes.rank,
            lora_alpha=_ALPHA_PER_RANK * sizes.rank,
            target_modules="all-linear",
            bias="none",
            fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),  # as of GPT-2
        )
        self.model = get_peft_model(model, config)
        if saves_memory and model.supports_gradient_checkpointing:
            # The older name warns in newer versions.
            enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
            enable()
            # Enabled with it, for checkpoints of an older kind. Gradients by embedded tokens are wanted by nobody.
            model.disable_input_require_grads()
        self.sizes = sizes
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(is_adapter(name))
        self.eval()

    @property
    def size(self) -> int:
        """Number of ids."""
        return int(self.model.config.get_text_config().vocab_size)

    def logits(self, tokens_BT: Tensor, lengths_B: Tensor, taps: Taps | None = None) -> Tensor:
        """Logits (B, T, V)."""
        # No unit is dropped in either mode: it only decides whether layers are computed twice. Taps would hear both.
        self.train(torch.is_grad_enabled() and taps is None)
        is_there_BT = torch.arange(tokens_BT.shape[1], device=tokens_BT.device) < lengths_B[:, None]
        with self._told(taps, *tokens_BT.shape):
            found = self.model(input_ids=tokens_BT, attention_mask=is_there_BT.long(), use_cache=False)
        logits: Tensor = found.logits
        return logits

    def start(self, n: int, device: torch.device) -> PretrainedState:
        """Nothing: the model makes room when it reads."""
        del n, device
        return PretrainedState(None)

    def step(self, tokens_BL: Tensor, state: State) -> tuple[Tensor, PretrainedState]:
        """One pass over the new tokens, which see keys and values of those before."""
        assert isinstance(state, PretrainedState)
        self.eval()
        cache = None if state.cache is None else _copied(state.cache)
        found = self.model(input_ids=tokens_BL, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return found.logits[:, -1].float(), PretrainedState(found.past_key_values)

    def state_dict(self) -> dict[str, Tensor]:  # type: ignore[override]
        """The adapters, by name."""
        return {name: parameter.detach() for name, parameter in self.named_parameters() if is_adapter(name)}

    @torch.no_grad()
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:  # type: ignore[override]
        """Inverse of `state_dict`."""
        mine = self.state_dict()
        if mine.keys() != state_dict.keys():
            raise InputError(
                "expected adapters of the same model, found others: "
                f"{sorted(mine.keys() ^ state_dict.keys())[:3]} are on one side only"
            )
        for name, tensor in mine.items():
            tensor.copy_(state_dict[name])

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        for name, parameter in self.named_parameters():
            if not is_adapter(name):
                memo[id(parameter)] = parameter
        for buffer in self.buffers():
            memo[id(buffer)] = buffer
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        copied.__dict__ = copy.deepcopy(self.__dict__, memo)
        return copied

    @contextmanager
    def _told(self, taps: Taps | None, n_records: int, longest: int) -> Iterator[None]:
        """Tell taps of every adapter that is run."""
        if taps is None:
            yield
            return

        def hear(module: nn.Linear, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            assert output.shape[:-1] == (n_records, longest), "expected records apart from each other"
            assert isinstance(module.weight, nn.Parameter)
            taps.listen(output, _rule(inputs[0]), module.weight, begins=not inputs[0].requires_grad)

        adapters = [
            module for name, module in self.named_modules() if is_adapter(name) and isinstance(module, nn.Linear)
        ]
        handles = [adapter.register_forward_hook(hear) for adapter in adapters]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def is_adapter(name: str) -> bool:
    """Whether a parameter or module was added to the pretrained ones."""
    return ".lora_" in name


def _rule(inputs_BTD: Tensor) -> Rule:
    """Squared norms of records' gradients by a matrix that the tokens of each are multiplied with."""
    inputs_BTD = inputs_BTD.detach()

    def rule(gradient_BTH: Tensor) -> Tensor:
        # Adapters are thin: the gradients themselves are smaller than the inner products of all pairs of tokens.
        inputs, gradients = inputs_BTD.float(), gradient_BTH.float()
        norm_B = (inputs.mT @ gradients).flatten(1).norm(dim=1)
        longest_B = (inputs.norm(dim=2) * gradients.norm(dim=2)).sum(1)
        squared: Tensor = (norm_B + _ROUNDING * longest_B).square()
        return squared

    return rule


def _copied(cache: Any) -> Any:
    """A cache that can be added to while the original stays: layers replace their keys and values, or are copied."""
    from transformers.cache_utils import DynamicLayer

    copied = copy.copy(cache)
    plain = (DynamicLayer,)
    copied.layers = [copy.copy(each) if type(each) in plain else copy.deepcopy(each) for each in cache.layers]
    return copied
