"""What a trained network knows of tokens, carried over to a network with another vocabulary."""

import torch

from synth_engine.language.recurrent import RecurrentNetwork
from synth_engine.language.vocabulary import OwnVocabulary


@torch.no_grad()
def transfer_tokens(
    old: RecurrentNetwork, old_vocabulary: OwnVocabulary, new: RecurrentNetwork, new_vocabulary: OwnVocabulary
) -> int:
    """Start a network from another one of the same sizes.

    Tokens that are in both vocabularies keep what is known of them, whatever their ids; a new one starts like the mean
    of all. Layers are taken over as they are.

    Args:
        old: The trained network.
        old_vocabulary: Its vocabulary.
        new: A fresh network, which is changed.
        new_vocabulary: Its vocabulary.

    Returns:
        Number of tokens that are in both.
    """
    known = old_vocabulary.ids
    rows = torch.full((new.size,), -1)
    for key, number in new_vocabulary.ids.items():
        rows[number] = known.get(key, -1)
    weights = old.state_dict()
    weights["embedding.table"] = _rows(weights["embedding.table"], rows)
    weights["head_weight"] = _rows(weights["head_weight"].T, rows).T
    weights["head_bias"] = _rows(weights["head_bias"][:, None], rows)[:, 0]
    new.load_state_dict(weights)
    return int((rows >= 0).sum())


def _rows(values_VD: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Those rows; the mean of all where there is none."""
    found = values_VD[rows.clamp(min=0)]
    return torch.where((rows >= 0)[:, None], found, values_VD.mean(0))
