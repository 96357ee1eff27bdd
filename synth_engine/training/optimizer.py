"""AdamW by PyTorch's fused kernel, without the class around it.

`torch.optim.AdamW` imports PyTorch's compiler when it is made, whether or not anything is compiled: 800 modules, and a
second. The same kernel through PyTorch's functional interface needs none of that.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

BETAS = (0.9, 0.99)
EPSILON = 1e-8


class AdamW:
    """Adam with decoupled weight decay (arXiv 1711.05101), for a part of a network's parameters.

    Args:
        parameters: What is updated; those without a gradient are left as they are.

    Attributes:
        steps: For each parameter how often it was updated.
        means: For each parameter the running mean of its gradient.
        squares: The same of the gradient's square.

    Twin: `torch.optim.AdamW` with the same numbers.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self.parameters = list(parameters)
        self.steps = [torch.zeros((), device=p.device) for p in self.parameters]
        self.means = [torch.zeros_like(p) for p in self.parameters]
        self.squares = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self, rate: float, weight_decay: float) -> None:
        """Update the parameters by their gradients, and forget these."""
        moved = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        if not moved:
            return

        def of_moved(tensors: list[Tensor]) -> list[Tensor]:
            return [tensors[i] for i in moved]

        adamw(
            of_moved([p.data for p in self.parameters]),
            [p.grad for p in self.parameters if p.grad is not None],
            of_moved(self.means),
            of_moved(self.squares),
            [],
            of_moved(self.steps),
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=rate,
            weight_decay=weight_decay,
            eps=EPSILON,
            maximize=False,
        )
        for parameter in self.parameters:
            parameter.grad = None

    def state(self) -> dict[str, list[Tensor]]:
        """What later updates depend on."""
        return {"steps": self.steps, "means": self.means, "squares": self.squares}

    @torch.no_grad()
    def load_state(self, state: Mapping[str, list[Tensor]]) -> None:
        """Go on from there."""
        for name, mine in self.state().items():
            for tensor, value in zip(mine, state[name], strict=True):
                tensor.copy_(value)
