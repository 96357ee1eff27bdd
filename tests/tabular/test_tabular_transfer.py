"""The guarantees of `transfer`, over tables whose columns, sub-columns and codes come, go and move."""

import itertools
import json
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from synth_engine.domain import InputError
from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import fitter
from synth_engine.encodings.base import even_ranks
from synth_engine.encodings.meanings import AVERAGE, NEW_SHARE, Meanings, Reserved, Sources
from synth_engine.tabular.layout import Column, Layout
from synth_engine.tabular.network import OrderGroup, TabularNetwork
from synth_engine.tabular.sizes import Sizes
from synth_engine.tabular.transfer import PartTransfer, transfer
from tests.encodings.columns import ENCODINGS, build, fit
from tests.tabular.helpers import TINY, seeded

LETTERS, NUMBERS = "abcdef", [1, 2, 3, 5, 8, 13]
SIZES = [TINY, Sizes(embedding=1, hidden=2, n_residual=0), Sizes(embedding=4, hidden=7, n_residual=1)]


@dataclass(frozen=True)
class Described:
    parts: dict[str, Meanings]

    def meanings(self):
        return self.parts


@st.composite
def parts(draw, *, is_ordered: bool):
    reserved = draw(st.sampled_from([[], [Reserved.NULL], [Reserved.RARE, Reserved.NULL]]))
    values = draw(st.lists(st.sampled_from(NUMBERS if is_ordered else LETTERS), unique=True, max_size=5))
    assume(reserved or values)
    return Meanings.of_values(reserved, sorted(values)) if is_ordered else Meanings.unordered([*reserved, *values])


@st.composite
def tables(draw):
    """Up to three columns in any order: of letters, of numbers, of both; seldom encoded otherwise than usual."""
    columns = {}
    for name in draw(st.lists(st.sampled_from("xyz"), unique=True, min_size=1)):
        known = {"x": ["letter"], "y": ["number"], "z": ["number", "letter"]}[name]
        kept = draw(st.sets(st.sampled_from(known), min_size=1))
        tells = draw(st.sampled_from(["", "", "", "something else"]))
        columns[name] = Described(
            {
                part: replace(draw(parts(is_ordered=part == "number")), tells=tells and part + tells)
                for part in known
                if part in kept
            }
        )
    return columns


def layout_of(columns) -> Layout:
    made = []
    for name, column in columns.items():
        ranks = {}
        for part, meaning in column.parts.items():
            n_placed = int(meaning.has_place.sum())
            if n_placed:
                ranks[part] = even_ranks(len(meaning.labels) - n_placed, n_placed)
        made.append(Column(name, {part: len(meaning.labels) for part, meaning in column.parts.items()}, ranks))
    return Layout(tuple(made))


def network_of(layout: Layout, seed: int, sizes: Sizes = TINY) -> TabularNetwork:
    network = TabularNetwork(layout, sizes).double()
    for i, parameter in enumerate(network.parameters()):
        parameter.data.normal_(std=0.7, generator=seeded(1000 * seed + i))
    return network


def by_name(columns) -> dict[tuple[str, str], tuple[int, Meanings]]:
    """Places and meanings of sub-columns, by column and what they tell."""
    known = [(name, *each) for name, column in columns.items() for each in parts_in_order(column)]
    return {(name, meaning.tells or part): (place, meaning) for place, (name, part, meaning) in enumerate(known)}


def parts_in_order(column) -> list[tuple[str, Meanings]]:
    meanings = column.meanings()
    return [(part, meanings[part]) for part in getattr(column, "cardinalities", meanings)]


@dataclass
class Carried:
    """Two networks; of the sub-columns that they have in common the places in each, and the meanings in each."""

    old: TabularNetwork
    new: TabularNetwork
    old_place: dict[int, int]
    meanings: dict[int, tuple[Meanings, Meanings]]

    @classmethod
    def of(cls, old: TabularNetwork, old_columns, new: TabularNetwork, new_columns) -> "Carried":
        transfer(old, old_columns, new, new_columns)
        known, wanted = by_name(old_columns), by_name(new_columns)
        common = {wanted[key][0]: (known[key], wanted[key]) for key in wanted if key in known}
        places = {k: known[0] for k, (known, _) in common.items()}
        return cls(old, new, places, {k: (known[1], wanted[1]) for k, (known, wanted) in common.items()})

    def sources(self, k: int) -> Sources:
        return Sources.of(*self.meanings[k])

    def values(self, k: int) -> torch.Tensor:
        """Which old codes the average is of."""
        is_value = torch.from_numpy(self.meanings[k][0].is_value)
        return is_value if is_value.any() else ~is_value

    def old_vector(self, k: int, code: int) -> torch.Tensor:
        """What the old network takes for an input that the new one has a code for."""
        before = self.old_place[k]
        vectors = self.old.embedding.vectors().split(self.old.layout.cardinalities)[before]
        source = self.sources(k).codes[code]
        if source != AVERAGE:
            return vectors[source]
        biases = self.old.heads.logits(torch.zeros(1, self.old.sizes.hidden, dtype=torch.float64), before)[0]
        return biases[self.values(k)].softmax(0) @ vectors[self.values(k)]

    def old_logits(self, k: int, row: torch.Tensor, earlier: list[int]) -> torch.Tensor:
        """Logits that the old network gives, layer by layer, knowing as much of a row as it can."""
        network, place = self.old, self.old.heads.place[self.old_place[k]]
        known = [(self.old_place[i], self.old_vector(i, int(row[i]))) for i in earlier if i in self.old_place]
        units = network.blocks.bias[place] + sum(vector @ network.blocks.weight[i, :, place] for i, vector in known)
        hidden = units.relu()
        for weight, bias in zip(network.residual_weights, network.residual_biases, strict=True):
            hidden = hidden + (hidden @ weight[place] + bias[place, 0]).relu()
        return network.heads.logits(hidden[None], self.old_place[k])[0]

    def check(self, row: torch.Tensor, columns) -> None:
        """The new network says what the old one says, given any row in any order."""
        places = [place for column in columns for place in self.new.layout.places(column)]
        order = torch.tensor([[list(columns).index(column.name) for column in self.new.layout.columns]])
        for k in self.old_place:
            theirs, sources = self.old_logits(k, row, places[: places.index(k)]).detach(), self.sources(k)
            ours = all_logits(self.new, row, order, k)
            expected = theirs[sources.codes] + torch.from_numpy(sources.shares).log()
            is_told = sources.codes != AVERAGE
            # Both up to a constant, for `ours` comes from losses: as probabilities relative to all of the old ones.
            total = ours[is_told].logsumexp(0) - expected[is_told].logsumexp(0) if is_told.any() else None
            if total is not None:
                torch.testing.assert_close(ours[is_told] - total, expected[is_told], atol=1e-9, rtol=1e-9)
                most = NEW_SHARE * theirs[self.values(k)].exp().mean()
                assert ((ours[~is_told] - total).exp() <= most * (1 + 1e-9)).all()
            assert ours.isfinite().all()


def all_logits(network: TabularNetwork, row: torch.Tensor, order: torch.Tensor, k: int) -> torch.Tensor:
    """Log-probabilities of all codes of a sub-column given what is before it, as training sees them."""
    rows = row.repeat(network.layout.cardinalities[k], 1)
    rows[:, k] = torch.arange(len(rows))
    return -network.losses(rows, [OrderGroup(len(rows), order)])[network.heads.place[k]].detach()


def random_row(network: TabularNetwork, seed: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.tensor([int(rng.integers(size)) for size in network.layout.cardinalities])


@st.composite
def cases(draw):
    old, new = draw(tables()), draw(tables())
    assume(any(key in by_name(old) for key in by_name(new)))
    seed, sizes = draw(st.integers(0, 5)), draw(st.sampled_from(SIZES))
    return Carried.of(network_of(layout_of(old), seed, sizes), old, network_of(layout_of(new), seed + 10, sizes), new)


@settings(max_examples=40)
@given(tables(), st.sampled_from(SIZES), st.integers(0, 5))
def test_the_same_columns_give_the_same_network_bit_for_bit(columns, sizes, seed):
    old, new = (network_of(layout_of(columns), seed + i, sizes).float() for i in (0, 10))
    transfer(old, columns, new, columns)
    ours, theirs = new.state_dict(), old.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@settings(max_examples=100)
@given(cases(), st.integers(0, 9))
def test_conditionals_are_the_old_ones_in_any_order(case, seed):
    for order in itertools.permutations([column.name for column in case.new.layout.columns]):
        case.check(random_row(case.new, seed), order)


@settings(max_examples=40)
@given(tables(), tables())
def test_what_is_new_keeps_its_weights(old_columns, new_columns):
    known, wanted = by_name(old_columns), by_name(new_columns)
    assume(any(key in known for key in wanted))
    fresh, new = (network_of(layout_of(new_columns), 7) for _ in range(2))
    transfer(network_of(layout_of(old_columns), 0), old_columns, new, new_columns)
    for k in [place for key, (place, _) in wanted.items() if key not in known]:
        place = new.heads.place[k]
        assert torch.equal(new.blocks.weight[:, :, place], fresh.blocks.weight[:, :, place])
        assert torch.equal(new.residual_weights[0][place], fresh.residual_weights[0][place])
        for ours, theirs in zip(new.heads.of(k), fresh.heads.of(k), strict=True):
            assert torch.equal(ours, theirs)
        vectors = [network.embedding.vectors().split(network.layout.cardinalities)[k] for network in (new, fresh)]
        assert torch.equal(*vectors)


@settings(max_examples=40)
@given(tables(), tables())
def test_counts_add_up(old_columns, new_columns):
    known, wanted = by_name(old_columns), by_name(new_columns)
    assume(any(key in known for key in wanted))
    found = transfer(
        network_of(layout_of(old_columns), 0), old_columns, network_of(layout_of(new_columns), 1), new_columns
    )
    assert [(part.column, part.part) for part in found.parts] == [plain(key) for key in wanted if key in known]
    assert set(found.new) == {plain(key) for key in wanted if key not in known}
    assert set(found.dropped) == {plain(key) for key in known if key not in wanted}
    for part in found.parts:
        before, after = (columns[part.column].parts[part.part].labels for columns in (old_columns, new_columns))
        assert part.n_kept == len(set(before) & set(after))
        assert part.n_kept + part.n_near + part.n_average == len(after)
        assert 0 <= part.n_dropped <= len(set(before) - set(after))
    assert json.loads(json.dumps(found.facts))["parts"] == [vars(part) for part in found.parts]


def plain(key: tuple[str, str]) -> tuple[str, str]:
    return key[0], key[1].removesuffix("something else")


def letters(tells: str = "", values: str = "ab") -> Described:
    return Described({"letter": Meanings.unordered([Reserved.NULL, *values], tells)})


def carry(old_columns, new_columns, old_sizes=TINY, new_sizes=TINY):
    old, new = network_of(layout_of(old_columns), 0, old_sizes), network_of(layout_of(new_columns), 1, new_sizes)
    return transfer(old, old_columns, new, new_columns)


def test_neighbours_that_move_stay_alike():
    """The function of the ranks moves along with the codes, so that what is left to single codes is what it was."""
    numbers = {size: {"x": Described({"number": Meanings.of_values([], range(size))})} for size in (12, 23)}
    old, new = (network_of(layout_of(columns), 0) for columns in (numbers[23], numbers[12]))
    transfer(old, numbers[23], new, numbers[12])
    torch.testing.assert_close(new.embedding.table, old.embedding.table[:12], atol=1e-6, rtol=1e-6)
    assert not torch.allclose(new.embedding.rank_weight, old.embedding.rank_weight, atol=0.1)


def test_says_what_became_of_columns():
    old = {"x": letters(), "w": letters(), "v": letters("one")}
    found = carry(old, {"x": letters(values="bcd"), "y": letters(), "v": letters("other")})
    assert found.parts == (PartTransfer("x", "letter", n_kept=2, n_near=0, n_average=2, n_dropped=1),)
    assert (found.new_columns, found.dropped_columns, found.changed_columns) == (["y"], ["w"], ["v"])
    assert str(found) == (
        "reuses what the model knows of 1 column(s), with 2 new code(s); new: y; "
        "encoded otherwise than before, hence new: v; no longer there: w"
    )


def test_nothing_in_common_is_an_error_that_names_columns_and_the_way_out():
    with pytest.raises(InputError, match=r"knows \(x, y\), found v, w; rename .* RESET"):
        carry({"x": letters(), "y": letters()}, {"v": letters(), "w": letters()})
    with pytest.raises(InputError, match=r"encoded otherwise than before: x; give them .* RESET"):
        carry({"x": letters("one")}, {"x": letters("other")})
    with pytest.raises(InputError, match=r"c09 and 90 more\)"):
        carry({f"c{i:02}": letters() for i in range(100)}, {"x": letters()})


@pytest.mark.parametrize("sizes", [{"embedding": 2}, {"hidden": 6}, {"n_residual": 1}])
def test_other_sizes_are_an_error(sizes):
    other = Sizes(**{**vars(TINY), **sizes})
    with pytest.raises(InputError, match=r"5 units .* RESET"):
        carry({"x": letters()}, {"x": letters()}, other, TINY)


def test_another_share_of_dropped_units_is_none():
    assert carry({"x": letters()}, {"x": letters()}, Sizes(**{**vars(TINY), "dropout": 0.5})).n_new_codes == 0


def a_table(seed: int) -> dict[str, pa.Array]:
    """A column of every encoding type; other seeds have other values beside common ones."""
    rng = np.random.default_rng(seed)
    n = 400
    numbers = rng.integers(0, 60 + 40 * seed, n)
    return {
        Kind.TABULAR_CATEGORICAL: pa.array([f"c{i}" for i in rng.integers(seed, 5 + seed, n)]),
        Kind.TABULAR_NUMERIC_DISCRETE: pa.array(numbers % (7 + seed)),
        Kind.TABULAR_NUMERIC_BINNED: pa.array(np.where(rng.random(n) < 0.3, 1000, numbers**3)),
        Kind.TABULAR_NUMERIC_DIGIT: pa.array(numbers * 10 ** (1 + seed)),
        Kind.TABULAR_DATETIME: build((numbers * 20).tolist(), pa.date32()),
        Kind.TABULAR_DATETIME_RELATIVE: build(np.sort(numbers * 20).tolist(), pa.date32()),
        Kind.TABULAR_CHARACTER: pa.array([f"{'xyz'[i % 3]}{i % (5 + seed)}" for i in numbers.tolist()]),
        Kind.TABULAR_LAT_LONG: pa.array([f"{i / (9 + seed):.2f},{i % 7}.5" for i in numbers.tolist()]),
    }


def encodings_of(seed: int):
    owners = np.arange(400) // 8
    return {
        str(kind): fit(fitter(kind), column, enabled=False, entities=owners) for kind, column in a_table(seed).items()
    }


def encoded_layout(encodings) -> Layout:
    return Layout(tuple(Column(name, each.cardinalities, each.ranks()) for name, each in encodings.items()))


def test_every_encoding_type_is_carried_over():
    old_columns, new_columns = encodings_of(0), dict(reversed(encodings_of(2).items()))
    old, new = network_of(encoded_layout(old_columns), 0), network_of(encoded_layout(new_columns), 1)
    case = Carried.of(old, old_columns, new, new_columns)
    assert set(new_columns) == {by.type for by in ENCODINGS}, "a_table lacks a column of an encoding type"
    assert len({new.layout.column_of[k].item() for k in case.old_place}) == len(new_columns)
    for seed in range(2):
        case.check(random_row(new, seed), list(new_columns))
    again = network_of(encoded_layout(old_columns), 2)
    transfer(old, old_columns, again, old_columns)
    assert all(torch.equal(one, other) for one, other in zip(again.parameters(), old.parameters(), strict=True))


def test_only_names_and_numbers_are_told():
    secret = {"x": letters(values=["Erna", "Ottokar"])}, {"x": letters(values=["Erna", "Isolde"])}
    found = carry(*secret)
    told = json.dumps(found.facts) + str(found)
    assert not any(name in told for name in ("Erna", "Ottokar", "Isolde"))
