"""Kinds of rare characters: which there are, when one is known, and what is drawn of it."""

import numpy as np
import pyarrow as pa
import pytest

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.domain import RareCategoryReplacementMethod as Replacement
from synth_engine.encodings import fitter
from synth_engine.encodings.character import N_RESERVED, RARE_CODE, CharacterEncoding
from synth_engine.encodings.character_kinds import NO_KIND, characters_by_kind, kind_names, kinds_of
from synth_engine.encodings.code_points import END
from synth_engine.privacy import MINIMUM_ENTITIES, RANDOM_EXTRA, ValueProtection
from tests.encodings.columns import fit

CHARACTER = fitter(Kind.TABULAR_CHARACTER)
KINDS = characters_by_kind()
ENOUGH = MINIMUM_ENTITIES + RANDOM_EXTRA
by_kind = pytest.mark.parametrize("kind", kind_names())


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def with_rare(characters: list[str]) -> list[str]:
    """Texts with these characters at the second place, and many others with none of them."""
    rare = [f"a{character}{number:03}" for number, character in enumerate(characters)]
    return [f"a{'xy'[number % 2]}{number:03}" for number in range(200)] + rare


def rare_of(kind: str, size: int) -> list[str]:
    """Characters of a kind, each as rare as there are kinds of them: none is had by enough entities."""
    some = [chr(point) for point in KINDS[kind]]
    return [some[number % len(some)] for number in range(min(size, (MINIMUM_ENTITIES - 1) * len(some)))]


def fitted(texts: list[str], **options) -> CharacterEncoding:
    encoding = fit(CHARACTER, pa.array(texts), **options)
    assert isinstance(encoding, CharacterEncoding)
    return encoding


# --- which there are --------------------------------------------------------------------------------------------------


def test_kinds_are_those_of_the_standards():
    sizes = {kind: len(points) for kind, points in KINDS.items()}
    assert (sizes["kanji"], sizes["hangul"], sizes["hiragana"], sizes["katakana"]) == (2_965, 2_350, 83, 86)
    both = [chr(point) for point in np.concatenate([KINDS["kanji"], KINDS["hanzi"]])]
    assert sum(0xB0A1 <= int.from_bytes(each.encode("gb2312", "ignore"), "big") <= 0xD7F9 for each in both) == 3_755
    assert (sizes["hebrew"], sizes["cyrillic_upper"], sizes["cyrillic_lower"]) == (27, 46, 46)
    assert max(sizes.values()) == sizes["kanji"]
    assert min(sizes.values()) > 2 * ENOUGH / (MINIMUM_ENTITIES - 1)


@by_kind
def test_every_character_is_of_its_kind_alone(kind):
    assert {kind_names()[index] for index in kinds_of(KINDS[kind])} == {kind}
    assert (np.diff(KINDS[kind].astype(int)) > 0).all()


def test_other_characters_are_of_no_kind():
    others = [*range(0xA0), *map(ord, "ªµº§ _\N{COMBINING ACUTE ACCENT}\N{SNOWMAN}👩"), END]
    assert set(kinds_of(np.array(others, np.uint32)).tolist()) == {NO_KIND}
    assert kind_names()[kinds_of(np.array([ord("\u9fff")], np.uint32))[0]] == "kanji"


# --- when one is known ------------------------------------------------------------------------------------------------


@by_kind
def test_a_kind_is_known_where_enough_entities_have_a_rare_character_of_it(kind):
    texts = with_rare(rare_of(kind, 2 * ENOUGH))
    for seed in range(10):
        positions = fitted(texts, seed=seed).positions
        assert [position.kinds for position in positions] == [[], [kind], [], [], []]
        assert not set(positions[1].characters) & set(rare_of(kind, 2 * ENOUGH))


def test_fewer_entities_than_the_minimum_make_no_kind():
    for seed in range(30):
        for size in (1, MINIMUM_ENTITIES - 1):
            positions = fitted(with_rare(rare_of("kanji", size)), seed=seed).positions
            assert not any(position.kinds for position in positions)


def test_entities_count_and_not_rows():
    texts = with_rare(rare_of("kanji", 1_000))
    for n_entities, kinds in ((MINIMUM_ENTITIES - 1, []), (2 * ENOUGH, ["kanji"])):
        entities = np.array([*range(200), *(1_000 + number % n_entities for number in range(1_000))])
        assert fitted(texts, entities=entities).positions[1].kinds == kinds


def test_characters_that_are_shown_make_no_kind():
    assert not fitted([f"{'éñ'[number % 2]}{number:03}" for number in range(200)]).positions[0].kinds


@pytest.mark.parametrize("options", [{"enabled": False}, {"private": True}])
def test_without_thresholds_there_are_no_kinds(options):
    encoding = fitted(with_rare(rare_of("kanji", 100)), **options)
    assert encoding.positions
    assert not any(position.kinds for position in encoding.positions)


def test_nothing_but_the_kind_is_stored_of_rare_characters():
    rare = rare_of("greek_lower", 100)
    stored = fitted(with_rare(rare)).model_dump_json()
    assert not set(rare) & set(stored)


# --- what is drawn of it ----------------------------------------------------------------------------------------------


@by_kind
def test_any_of_its_characters_is_drawn_whoever_has_it(kind):
    rare = rare_of(kind, 2 * ENOUGH)
    encoding = fitted(with_rare(rare))
    code = N_RESERVED + len(encoding.positions[1].characters)
    assert encoding.cardinalities["p1"] == code + 1
    assert code not in encoding.never_drawn(Replacement.constant)["p1"]
    codes = np.repeat(encoding.encode(pa.array([f"a{rare[0]}000"])), 40 * len(KINDS[kind]), axis=0)
    decoded = encoding.decode(codes, rng()).to_pylist()
    # One of n is missing in 40 n draws once in exp(40) / n times.
    assert {text[1] for text in decoded} == {chr(point) for point in KINDS[kind]}
    assert {text[0] + text[2:] for text in decoded} == {"a000"}
    assert (encoding.encode(pa.array(decoded)) == codes).all()


def test_a_character_of_another_kind_stays_rare():
    encoding = fitted(with_rare(rare_of("kanji", 100)))
    assert encoding.encode(pa.array(["aé000", "a\N{SNOWMAN}000"]))[:, 1].tolist() == [RARE_CODE] * 2


def test_characters_that_are_shown_are_never_drawn_as_rare_ones():
    texts = [f"{'éñ'[number % 2]}{number:03}" for number in range(200)]
    texts += [f"{character}{number:03}" for number, character in enumerate("àâäæçèêëìíîïðòóôõöøùúûü")]
    encoding = fitted(texts)
    assert encoding.positions[0].kinds == ["latin_lower"]
    codes = np.repeat(encoding.encode(pa.array(["ø000"])), 5_000, axis=0)
    drawn = {text[0] for text in encoding.decode(codes, rng()).to_pylist()}
    assert drawn == {chr(point) for point in KINDS["latin_lower"]} - set("éñ")


def test_where_all_of_a_kind_are_shown_the_others_of_it_stay_rare():
    kana = [chr(point) for point in KINDS["hiragana"]]
    texts = [f"{kana[number % len(kana)]}{number:04}" for number in range(83 * 20)]
    texts += [f"\u3095{number:04}" for number in range(2 * ENOUGH)]
    encoding = CHARACTER.fit(CHARACTER.summarise(pa.array(texts)), pa.string(), ValueProtection(), rng())
    assert len(encoding.positions[0].characters) == 84  # small ka is beyond the standard, and shown by itself
    assert not encoding.positions[0].kinds


def test_a_place_with_a_kind_has_a_sub_column():
    common = [f"--a--{number:03}" for number in range(20_000)]  # so many that characters nearby are not shown there
    rare = [f"--{character}--{number:03}" for number, character in enumerate(rare_of("kanji", 4 * ENOUGH))]
    assert list(fitted(common).cardinalities) == ["p0", "p5", "p6", "p7", "p8", "p9"]
    encoding = fitted(common + rare)
    assert encoding.positions[2].characters == ["a"]
    assert encoding.cardinalities["p2"] == N_RESERVED + 2


@pytest.mark.parametrize("size", [100, 130, 260, 2_000])
def test_kinds_beside_large_alphabets(size):
    common = [f"{chr(KINDS['hangul'][number % size])}{number:06}" for number in range(20 * size)]
    rare = [f"{character}{number:06}" for number, character in enumerate(rare_of("greek_lower", 20 * ENOUGH))]
    encoding = fitted(common + rare)
    assert encoding.positions[0].kinds == ["greek_lower"]
    assert len(encoding.positions[0].characters) >= size
    decoded = encoding.decode(encoding.encode(pa.array(common + rare)), rng()).to_pylist()
    assert decoded[: len(common)] == common
    assert {kind_names()[kinds_of(np.array([ord(text[0])]))[0]] for text in decoded[len(common) :]} == {"greek_lower"}
    assert [text[1:] for text in decoded[len(common) :]] == [text[1:] for text in rare]
