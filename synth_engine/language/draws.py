"""One token of each row by its logits, among the tokens that its grammar allows.

Belongs here: masks, temperature, top-p, numbers that decide. Does not belong here: where logits and masks come from.

Shape legend: A rows with logits, B of them that are drawn, R some of these, E tokens that they allow, V ids of the
vocabulary, W words of 32 bits that hold V bits, K places of a compact row.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

# Sums over the weights of a row are taken in two steps: over blocks of so many, and over blocks.
_BLOCK = 64
# Rows are worked on in parts: of about so many logits, which stay in a core's cache, and of about so many bits.
_PART, _BITS = 1 << 18, 1 << 24
# Rows that allow no more than this share of all tokens are made compact before anything is computed.
_FEW = 1 / 8
# Of the most likely tokens so many are looked at before all are sorted.
_LIKELY = 64
_FARTHEST, _LEAST = torch.finfo(torch.float32).max, torch.finfo(torch.float64).tiny


def draw(
    logits_AV: Tensor,
    rows_B: Tensor,
    allowed_BW: Tensor,
    uniforms_B: Tensor,
    *,
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> Tensor:
    """Draw one allowed token of each of some rows, by inversion of the cumulated probabilities.

    Guarantees: what is drawn is allowed, whatever the logits. NaN counts as least likely, and where no allowed token
    has a finite logit, all those are equally likely that have the highest.

    Args:
        logits_AV: Logits on any device, of any float type; stay as they are.
        rows_B: Which of these rows are to be drawn, int64, on the CPU.
        allowed_BW: Bits of the allowed tokens, int32, on the CPU, lowest bit first; at least one of each row.
        uniforms_B: A number from 0 up to 1 for each row, float64, on the CPU.
        temperature: What logits are divided by; 0 takes the most likely token, of several the one with the lowest id.
        top_p: Of the allowed tokens only the most likely are drawn that have this probability together (nucleus
            sampling, arXiv 1904.09751), after the temperature; what is as likely as the last of these also is.

    Returns:
        Ids (B,), int64, on the CPU.
    """
    size, device = logits_AV.shape[1], logits_AV.device
    bits_BC = allowed_BW.numpy().view(np.uint8)
    is_few_B = _ONES[bits_BC].sum(1) <= size * _FEW
    drawn_B = torch.empty_like(rows_B)
    part_of_many = _PART if device.type == "cpu" else _BITS
    ways = (_among_few, is_few_B, _BITS), (_among_many, ~is_few_B, part_of_many)
    for of, is_of, most in ways:
        places, step = np.flatnonzero(is_of), max(most // size, 1)
        for start in range(0, len(places), step):
            part = places[start : start + step]
            index = torch.from_numpy(part)
            choose = _Choice(uniforms_B[index].to(device), temperature, top_p)
            drawn_B[index] = of(logits_AV, rows_B[index], bits_BC[part], choose)
    return drawn_B


_ONES = np.array([bin(byte).count("1") for byte in range(256)], dtype=np.uint8)


def unpacked(bits_BC: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.bool_]:
    """Which of so many tokens are allowed, (B, size)."""
    return np.unpackbits(bits_BC, axis=1, bitorder="little", count=size).view(np.bool_)


def _among_few(logits_AV: Tensor, rows_R: Tensor, bits_RC: npt.NDArray[np.uint8], choose: "_Choice") -> Tensor:
    """Tokens of some rows that allow few: only those are looked at."""
    size, device = logits_AV.shape[1], logits_AV.device
    row_E, token_E = np.divmod(np.flatnonzero(unpacked(bits_RC, size)), size)
    counts_R = np.bincount(row_E, minlength=len(bits_RC))
    place_E = np.arange(len(row_E)) - np.repeat(np.cumsum(counts_R) - counts_R, counts_R)
    rows_E, tokens_E, places_E = (torch.from_numpy(each) for each in (row_E, token_E, place_E))
    tokens_RK = torch.zeros(len(bits_RC), int(counts_R.max()), dtype=torch.int64)
    tokens_RK[rows_E, places_E] = tokens_E
    compact_RK = torch.full(tokens_RK.shape, -torch.inf, device=device)
    found_E = logits_AV[rows_R[rows_E].to(device), tokens_E.to(device)]
    compact_RK[rows_E.to(device), places_E.to(device)] = found_E.float()

    def is_allowed() -> Tensor:
        return torch.arange(tokens_RK.shape[1]) < torch.from_numpy(counts_R)[:, None]

    return tokens_RK.gather(1, choose(compact_RK, is_allowed)[:, None])[:, 0]


def _among_many(logits_AV: Tensor, rows_R: Tensor, bits_RC: npt.NDArray[np.uint8], choose: "_Choice") -> Tensor:
    """Tokens of some rows that allow many."""
    size, device = logits_AV.shape[1], logits_AV.device
    masked_RV = logits_AV[rows_R.to(device)].float()

    def is_allowed() -> Tensor:
        return torch.from_numpy(unpacked(bits_RC, size))

    if device.type == "cpu":
        _forbid(masked_RV, bits_RC)
    else:
        masked_RV.masked_fill_(~is_allowed().to(device), -torch.inf)
    return choose(masked_RV, is_allowed)


def _forbid(logits_RV: Tensor, bits_RC: npt.NDArray[np.uint8]) -> None:
    """Set logits of tokens that are not allowed to -inf. Few are: xgrammar's kernel passes over the others."""
    from xgrammar import apply_token_bitmask_inplace

    words_RW = torch.from_numpy(np.ascontiguousarray(bits_RC).view(np.int32))
    apply_token_bitmask_inplace(logits_RV, words_RW, vocab_size=logits_RV.shape[1])


@dataclass(frozen=True, eq=False)
class _Choice:
    """Chooses places of rows by their logits; arguments as of `draw`."""

    uniforms_R: Tensor
    temperature: float
    top_p: float

    def __call__(self, logits_RK: Tensor, is_allowed: Callable[[], Tensor]) -> Tensor:
        """Places (R,), on the CPU.

        Args:
            logits_RK: -inf where nothing is allowed; they are lost.
            is_allowed: Tells (R, K), on the CPU, if need be.
        """
        if self.temperature == 0:
            return _repaired(logits_RK, is_allowed).argmax(1).cpu()
        found = self._chosen(logits_RK)
        if found is None:
            found = self._chosen(_repaired(logits_RK, is_allowed))
            assert found is not None, "expected finite logits, found others"
        return found.cpu()

    def _chosen(self, logits_RK: Tensor) -> Tensor | None:
        """Places; None where there are logits that tell nothing."""
        # Of differences, as a quotient may be beyond all floats.
        scaled_RK = logits_RK
        if self.temperature != 1:
            scaled_RK = (logits_RK - logits_RK.amax(1, keepdim=True)).div_(self.temperature)
        weights_RK = scaled_RK.softmax(1)
        if not weights_RK[:, 0].isfinite().all():
            return None
        if self.top_p < 1:
            weights_RK.mul_(weights_RK >= _lowest_of_nucleus(weights_RK, self.top_p))
        return _inverted(weights_RK, self.uniforms_R)


def _repaired(logits_RK: Tensor, is_allowed: Callable[[], Tensor]) -> Tensor:
    """All finite but those of what is not allowed."""
    finite_RK = logits_RK.nan_to_num(nan=-_FARTHEST, posinf=_FARTHEST, neginf=-_FARTHEST)
    return torch.where(is_allowed().to(logits_RK.device), finite_RK, -torch.inf)


def _lowest_of_nucleus(weights_RK: Tensor, top_p: float) -> Tensor:
    """The least of the highest weights (R, 1) that have this share of the sum together."""
    wanted_R1 = weights_RK.sum(1, keepdim=True, dtype=torch.float64) * top_p

    def lowest(sorted_RL: Tensor, wanted_R1: Tensor) -> tuple[Tensor, Tensor]:
        cumulated_RL = sorted_RL.cumsum(1, dtype=torch.float64)
        place_R1 = torch.searchsorted(cumulated_RL, wanted_R1).clamp(max=sorted_RL.shape[1] - 1)
        return sorted_RL.gather(1, place_R1), cumulated_RL[:, -1:] < wanted_R1

    found_R1, is_more_R1 = lowest(weights_RK.topk(min(_LIKELY, weights_RK.shape[1]), dim=1).values, wanted_R1)
    rows = is_more_R1[:, 0].nonzero()[:, 0]
    if len(rows):
        found_R1[rows] = lowest(weights_RK[rows].sort(1, descending=True).values, wanted_R1[rows])[0]
    return found_R1


def _inverted(weights_RK: Tensor, uniforms_R: Tensor) -> Tensor:
    """Places (R,) by inversion of sums over blocks, and then within one; what has weight 0 is never taken."""
    size = weights_RK.shape[1]
    whole = size // _BLOCK * _BLOCK
    sums = [weights_RK[:, :whole].view(-1, whole // _BLOCK, _BLOCK).sum(2)] if whole else []
    sums += [weights_RK[:, whole:].sum(1, keepdim=True)] if whole < size else []
    cumulated = torch.cat(sums, 1).cumsum(1, dtype=torch.float64)
    # Never zero, so that leading blocks without weight are passed over.
    target_R1 = (uniforms_R[:, None] * cumulated[:, -1:]).clamp(min=_LEAST)
    block_R1 = torch.searchsorted(cumulated, target_R1)
    before_R1 = functional.pad(cumulated, (1, 0)).gather(1, block_R1)
    places = block_R1 * _BLOCK + torch.arange(_BLOCK, device=block_R1.device)
    weights = weights_RK.gather(1, places.clamp(max=size - 1)) * (places < size)
    within = weights.cumsum(1, dtype=torch.float64)
    # The sum of a block may differ in its last digits from that of its parts.
    rest_R1 = (target_R1 - before_R1).clamp(min=_LEAST).minimum(within[:, -1:])
    return (block_R1 * _BLOCK + torch.searchsorted(within, rest_R1))[:, 0]


_GOLDEN, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def uniforms(seeds_B: npt.NDArray[np.uint64], counts_B: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """A number from 0 up to 1 for each seed and count, the same for the same (SplitMix64, Steele et al. 2014).

    So what a row is drawn by does not depend on which others are drawn with it.
    """
    mixed = seeds_B + (counts_B.astype(np.uint64) + np.uint64(1)) * _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    mixed ^= mixed >> np.uint64(31)
    found: npt.NDArray[np.float64] = (mixed >> np.uint64(11)) * 2.0**-53
    return found
