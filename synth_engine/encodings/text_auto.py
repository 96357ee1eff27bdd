"""AUTO for text: chooses among coordinates, characters and categories by the values."""

from dataclasses import dataclass, fields, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from synth_engine.domain import ModelEncodingType
from synth_engine.encodings.alphabets import MAX_POSITIONS
from synth_engine.encodings.base import Encoding
from synth_engine.encodings.categorical import CategoricalEncoding
from synth_engine.encodings.character import CharacterEncoding
from synth_engine.encodings.code_points import lengths_of
from synth_engine.encodings.coordinates import Coordinates
from synth_engine.encodings.lat_long import LatLongEncoding
from synth_engine.encodings.text_form import is_text
from synth_engine.encodings.value_counts import Mask, ValueCounts
from synth_engine.privacy import MINIMUM_ENTITIES, Budget, ValueProtection

# Categories suit a column if at least this share of the entities have one that is common.
MIN_COMMON_SHARE = 0.9
# They do with this share already if fewer entities than these have a rare one: from so few nobody learns to spell, and
# among common cities an honest `_RARE_` is better than cities that are none.
MIN_COMMON_SHARE_OF_FEW = 0.5
FEW_ENTITIES = 1_000
# Few common places, such as a company's shops, are categories too.
MAX_SHOPS = 100
MIN_SHOP_SHARE = 0.999
# Nearly all texts must be coordinates, and nearly all must be short enough to be drawn whole.
MIN_PLACE_SHARE = 0.95
MIN_WHOLE_SHARE = 0.9
# Differential privacy counts of each text the entities beyond so many, for it is common from one more on.
_SHARING = MINIMUM_ENTITIES - 1
# Shares of a budget that the choice may spend.
_KINDS, _SHARED = 0.05, 0.05


@dataclass(frozen=True, eq=False, kw_only=True)
class ChosenCounts(ValueCounts):
    """A differentially private summary, and the encoding that it was made for.

    Args:
        chosen: One of the three.
    """

    chosen: type[Encoding]


class TextAuto:
    """Coordinates where texts are that; categories where hardly any are rare; characters where these are short.

    Characters keep common texts whole, so these lose nothing by it. In small tables, where there are few rare texts to
    learn from, they are chosen only if most texts are rare. Texts that hold dates or numbers stay texts: whoever wants
    them as such converts them before. Where more than a tenth of the rare texts are longer than `MAX_POSITIONS`, they
    become the rare token of categories: they need a language model. To tell coordinates from numbers with a decimal
    comma, both must have a decimal point.

    Guarantees: one entity has one vote, whatever number of texts it has; only the chosen encoding is published. Without
    protection every text comes back exactly.
    """

    type: ClassVar[ModelEncodingType] = ModelEncodingType.AUTO

    @classmethod
    def accepts(cls, dtype: pa.DataType) -> bool:
        """Text; a dictionary says that it holds categories."""
        return is_text(dtype)

    @classmethod
    def summarise(cls, values: pa.Array, entities: npt.NDArray[np.int64] | None = None) -> ValueCounts:
        """Sensitive summary of one partition; from that of categories, all others can be fitted."""
        return CategoricalEncoding.summarise(values, entities)

    @classmethod
    def release(cls, counts: ValueCounts, dtype: pa.DataType, budget: Budget) -> ValueCounts:
        """Choose by noisy counts, and release as the chosen encoding does; `fit` then keeps to that choice.

        Guarantees: (ε, δ)-differential privacy with the budget's ε and δ, by sequential composition of three questions:
        what kind of texts there are, how many entities share theirs, and those of the chosen encoding.
        """
        chosen, n_texts = _choose(counts, budget)
        released = chosen.release(counts, dtype, budget.part(1 - _KINDS - _SHARED, delta_share=1.0))
        if len(released.values) == 0:  # all are rare ones then, which no other encoding can say
            chosen, released = CategoricalEncoding, replace(released, hidden_entities=n_texts)
        return ChosenCounts(**{each.name: getattr(released, each.name) for each in fields(ValueCounts)}, chosen=chosen)

    @classmethod
    def fit(
        cls, counts: ValueCounts, dtype: pa.DataType, protection: ValueProtection, rng: np.random.Generator
    ) -> Encoding:
        """Fit the best suited of the three."""
        if isinstance(counts, ChosenCounts):
            return counts.chosen.fit(counts, dtype, protection, rng)
        categories = CategoricalEncoding.fit(counts, dtype, protection, rng)
        is_common = _is_in(counts.values, categories.categories) & (counts.entities >= MINIMUM_ENTITIES)
        are_shops = len(categories.categories) <= MAX_SHOPS and _share(counts, is_common) >= MIN_SHOP_SHARE
        if not are_shops and _are_places(counts, protection):
            places = LatLongEncoding.fit(counts, dtype, protection, rng)
            if places.cells or places.texts:
                return places
        if _share(counts, is_common) < _wanted_share(int(counts.lowest[~is_common].sum())):
            characters = CharacterEncoding.fit(counts, dtype, protection, rng)
            if _suits(characters, counts):
                return characters
        return categories


def _wanted_share(n_rare: int) -> float:
    return MIN_COMMON_SHARE_OF_FEW if n_rare < FEW_ENTITIES else MIN_COMMON_SHARE


def _share(counts: ValueCounts, where: Mask) -> float:
    """Share of the entities of which the first text is one of some; all where there are no texts."""
    total = counts.lowest.sum()
    return float(counts.lowest[where].sum() / total) if total else 1.0


def _are_places(counts: ValueCounts, protection: ValueProtection) -> bool:
    """Whether nearly all are coordinates; all have to be where everything is kept, for what is none becomes null."""
    is_enough = _share(counts, _is_place(counts)) >= MIN_PLACE_SHARE
    return is_enough and (protection.enabled or bool(Coordinates.of(counts.values).is_place.all()))


def _is_place(counts: ValueCounts) -> Mask:
    found = Coordinates.of(counts.values)
    is_place: Mask = found.is_place & (found.fewest > 0)
    return is_place


def _is_in(values: pa.Array, texts: list[str]) -> Mask:
    is_in: Mask = pc.is_in(values, pa.array(texts, values.type)).to_numpy(zero_copy_only=False)
    return is_in


def _suits(characters: CharacterEncoding, counts: ValueCounts) -> bool:
    """Whether there is anything to spell, and nearly all of it whole; long texts that only lack protection are not."""
    is_popular = _is_in(counts.values, characters.atoms) & (counts.entities >= MINIMUM_ENTITIES)
    spelled = counts.where(~is_popular)
    is_whole = lengths_of(spelled.values) <= len(characters.positions)
    return bool(characters.positions) and _share(spelled, is_whole) >= MIN_WHOLE_SHARE


def _choose(counts: ValueCounts, budget: Budget) -> tuple[type[Encoding], int]:
    """The best suited encoding, by noisy counts, and how many entities have a text if that is noticeable.

    How many share their text is not counted with a threshold, which one entity more could lift all holders of a text
    over: of each text those beyond `_SHARING` are counted, and one entity more changes that by one at most.
    """
    of_value, of_null = counts.contributions
    is_place, is_short = _is_place(counts), lengths_of(counts.values) <= MAX_POSITIONS
    kinds = [of_value[is_place], of_value[~is_place & is_short], of_value[~is_place & ~is_short]]
    exact = np.array([*(of_kind.sum() for of_kind in kinds), of_null], np.int64)
    noisy, mechanism = budget.histogram(exact, _KINDS, "coordinates, short and long texts, nulls")
    beyond = np.array([np.maximum(of_value - _SHARING, 0).sum()], np.int64)
    shared, of_shared = budget.histogram(beyond, _SHARED, "entities whose text many share")
    places, short, long = noisy[:3].clip(0).tolist()
    total = places + short + long
    if total <= 3 * mechanism.noise_bound(3):
        return CategoricalEncoding, 0
    if places >= MIN_PLACE_SHARE * total:
        return LatLongEncoding, total
    common = int(shared[0]) + of_shared.noise_bound(
        1
    )  # in doubt categories: spelled, popular texts are no longer whole
    if common < _wanted_share(total - common) * total and places + short >= MIN_WHOLE_SHARE * total:
        return CharacterEncoding, total
    return CategoricalEncoding, total
