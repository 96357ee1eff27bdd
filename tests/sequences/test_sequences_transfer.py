"""The guarantees of `transfer_sequences`, over tables whose columns and codes come, go and move."""

import copy
import json
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from synth_engine.domain import InputError
from synth_engine.encodings.meanings import Meanings, Reserved, Sources
from synth_engine.nn.neighbours import N_NEIGHBOURS, REACH
from synth_engine.sequences.context import Context, Lists
from synth_engine.sequences.layout import ListLayout, SequenceLayout
from synth_engine.sequences.network import SequenceNetwork
from synth_engine.sequences.positions import hats, knots
from synth_engine.sequences.records import Records
from synth_engine.sequences.sampler import _encoded
from synth_engine.sequences.transfer import SequenceColumns, _moved, transfer_sequences
from synth_engine.tabular.conditionals import Conditionals, RowState
from synth_engine.tabular.layout import Layout
from synth_engine.tabular.transferred import PartTransfer
from tests.sequences.helpers import LONGEST_LIST, TINY, events_as_drawn, random_table
from tests.tabular.helpers import seeded
from tests.tabular.test_tabular_transfer import Described, by_name, layout_of, letters, parts, tables

NUMBERS_ONLY = Meanings.of_values([Reserved.NULL], [1, 2, 3, 5])
LENGTHS = (2, 0, 1, 4, 3)
# Up to here knots of a longer sequence are also those of a shorter one, and more.
LONGEST = [1, 2, 4, 6, 8, 11]


@st.composite
def events(draw):
    """Columns of letters that come and go, of numbers that stay: steps among them are told by codes alone."""
    columns = {}
    for name in draw(st.lists(st.sampled_from("uvx"), unique=True)):
        columns[name] = Described({"letter": draw(parts(is_ordered=False))})
    for name in draw(st.lists(st.sampled_from("yz"), unique=True)):
        columns[name] = Described({"number": NUMBERS_ONLY, "letter": draw(parts(is_ordered=False))})
    return {name: columns[name] for name in draw(st.permutations(list(columns)))}


@st.composite
def subjects(draw, *, is_sequential: bool):
    context = draw(st.one_of(st.just({}), tables()))
    length = {"length": Described({"number": draw(parts(is_ordered=True))})} if is_sequential else {}
    return SequenceColumns(context, length, draw(events()), draw(st.sampled_from([{}, {"l": letters()}])))


def network_of(columns: SequenceColumns, longest: int, seed: int) -> SequenceNetwork:
    """Random weights, so that everything depends on everything."""
    lists = tuple(ListLayout(layout_of({name: each}), LONGEST_LIST) for name, each in columns.lists.items())
    layout = SequenceLayout(*map(layout_of, columns[:3]), longest=longest, lists=lists)
    network = SequenceNetwork(layout, TINY, 100).double()
    for i, parameter in enumerate(network.parameters()):
        parameter.data.normal_(std=0.7, generator=seeded(1000 * seed + i))
    return network


@settings(max_examples=40)
@given(st.data(), st.booleans(), st.sampled_from(LONGEST))
def test_the_same_columns_give_the_same_network_bit_for_bit(data, is_sequential, longest):
    columns = data.draw(subjects(is_sequential=is_sequential))
    old, new = (network_of(columns, longest, seed).float() for seed in (0, 1))
    transfer_sequences(old, columns, new, columns)
    ours, theirs = new.state_dict(), old.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


# --- what is carried over says what it said ---------------------------------------------------------------------------


@dataclass
class Common:
    """Sub-columns of two layouts: their old place by their new one, and the old code of each new one that is kept."""

    old_layout: Layout
    old_place: dict[int, int]
    old_code: dict[int, dict[int, int]]

    @classmethod
    def of(cls, old, new) -> "Common":
        known, wanted = by_name(old), by_name(new)
        places, codes = {}, {}
        for key in [key for key in wanted if key in known]:
            sources = Sources.of(known[key][1], wanted[key][1])
            places[wanted[key][0]] = known[key][0]
            codes[wanted[key][0]] = {
                code: int(sources.codes[code]) for code in range(len(sources.codes)) if sources.is_kept[code]
            }
        assume(all(codes.values()))  # rows of kept codes there must be
        return cls(layout_of(old), places, codes)

    @property
    def gone(self) -> list[int]:
        return [k for k in range(len(self.old_layout.cardinalities)) if k not in self.old_place.values()]

    def kept_only(self, codes: torch.Tensor) -> torch.Tensor:
        """Random rows of the new table with codes of old sub-columns replaced by some that both know."""
        codes = codes.clone()
        for k, known in self.old_code.items():
            codes[:, k] = torch.tensor(list(known), dtype=codes.dtype)[codes[:, k].long() % len(known)]
        return codes

    def as_old(self, codes: torch.Tensor, seed: int) -> torch.Tensor:
        """The same rows in the old table; anything where there is nothing."""
        old = random_table([[size] for size in self.old_layout.cardinalities], len(codes), seed)
        for k, known in self.old_code.items():
            old[:, self.old_place[k]] = torch.tensor([known[code] for code in codes[:, k].tolist()], dtype=old.dtype)
        return old


def with_averages(network: SequenceNetwork, context: Common, happened: Common, columns: SequenceColumns):
    """The network if all codes of what is gone were the same: one that is like the average of those with a value."""
    network = copy.deepcopy(network)
    for embedding, common, table, shares in (
        (getattr(network.context, "embedding", None), context, columns.context, None),
        (getattr(getattr(network, "events", None), "embedding", None), happened, columns.events, network),
    ):
        for k in common.gone:
            start = int(embedding.offsets_K[k])
            rows = slice(start, start + common.old_layout.cardinalities[k])
            weights = torch.from_numpy(next(m for p, m in by_name(table).values() if p == k).is_averaged).double()
            if shares is not None:
                weights *= shares.events.heads.of(k)[1][: len(weights)].exp()
            average = weights / weights.sum() @ embedding.vectors()[rows]
            embedding.table.data[rows] += average - embedding.vectors()[rows]
    if happened.gone:
        network.events.blocks.weight.data[happened.gone] = 0  # within an event what is not seen is zero
    return network


@torch.no_grad()
def all_logits(network: SequenceNetwork, records: Records, places: list[int]):
    """Logits of all sub-columns of all events, and of numbers of events, as drawing sees them; by sub-column."""
    found: dict[tuple[str, int], list[torch.Tensor]] = {}
    if network.layout.events.columns:
        conditionals = Conditionals(network.events)
        for _, codes, state in events_as_drawn(network, records):
            with_offsets = (codes + conditionals.offsets_K)[:, places]
            for done, k in enumerate(places):
                found.setdefault(("events", k), []).append(conditionals.logits(with_offsets[:, :done], k, state))
    if network.layout.is_sequential:
        state = RowState(network.lengths.of_state(_encoded(network, records.context, 9)), None)
        no_codes = torch.zeros(len(records), 0, dtype=torch.int32)
        found["length", 0] = [Conditionals(network.lengths).logits(no_codes, 0, state)]
    return {key: torch.cat(each) for key, each in found.items()}


def no_lists(network: SequenceNetwork) -> tuple[Lists, ...]:
    """Five empty lists in each column of lists."""
    sizes = [len(each.elements.cardinalities) for each in network.layout.lists]
    return tuple(Lists(torch.zeros(0, size), torch.zeros(6, dtype=torch.long)) for size in sizes)


def check(theirs: torch.Tensor, ours: torch.Tensor, old_code: dict[int, int]) -> None:
    """Equal up to a constant, row by row, for the codes that both know."""
    ours, theirs = ours[:, list(old_code)], theirs[:, list(old_code.values())]
    ours, theirs = (each - each.logsumexp(1, keepdim=True) for each in (ours, theirs))
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-9)


@settings(max_examples=80)
@given(st.data(), st.booleans(), st.tuples(st.sampled_from(LONGEST), st.sampled_from(LONGEST)), st.integers(0, 9))
def test_old_codes_have_the_old_probabilities_given_old_codes_in_any_order(data, is_sequential, longest, seed):
    old_columns, new_columns = (data.draw(subjects(is_sequential=is_sequential)) for _ in range(2))
    context, length, happened = map(Common.of, old_columns[:3], new_columns[:3])
    assume(happened.old_place or not (old_columns.events or new_columns.events))
    old, new = network_of(old_columns, longest[0], seed), network_of(new_columns, longest[1], seed + 10)
    transfer_sequences(old, old_columns, new, new_columns)
    old = with_averages(old, context, happened, old_columns)
    # None is longer than there may be now: it would count as the longest that is known.
    lengths = [min(length, longest[1]) for length in LENGTHS] if is_sequential else [1] * 5
    shapes = [[[size] for size in layout_of(each).cardinalities] for each in (new_columns.context, new_columns.events)]
    of_context, of_events = (
        common.kept_only(random_table(shape, n, seed))
        for common, shape, n in ((context, shapes[0], 5), (happened, shapes[1], sum(lengths)))
    )
    offsets, none = torch.tensor([0, *lengths]).cumsum(0), torch.zeros(5, 0, dtype=torch.int32)
    ours = Records(Context(of_context, no_lists(new)), none, offsets, of_events)
    theirs = Records(
        Context(context.as_old(of_context, seed), no_lists(old)), none, offsets, happened.as_old(of_events, seed)
    )
    order = data.draw(st.permutations(range(len(shapes[1]))))
    old_order = [happened.old_place[k] for k in order if k in happened.old_place] + happened.gone
    after, before = all_logits(new, ours, list(order)), all_logits(old, theirs, old_order)
    for k, old_code in happened.old_code.items():
        check(before["events", happened.old_place[k]], after["events", k], old_code)
    if length.old_place:
        check(before["length", 0], after["length", 0], length.old_code[0])


def test_what_stays_the_same_stays_so_where_codes_were_inserted_beside_it():
    """Of the neighbours of the code before, only that code itself is the same in both."""
    columns = [
        SequenceColumns({}, {"length": letters()}, {"y": Described({"number": Meanings.of_values([], values)})})
        for values in ([1, 5, 9], [1, 2, 3, 4, 5, 6, 9])
    ]
    old, new = (network_of(each, 4, seed) for seed, each in enumerate(columns))
    is_same = torch.arange(N_NEIGHBOURS) == REACH
    for weight in (old.events.repeat_weight, old.events.repeat_bias):
        weight.data *= is_same
    transfer_sequences(old, columns[0], new, columns[1])
    known = {0: 0, 4: 1, 6: 2}
    of_old = torch.tensor([[0], [2], [2], [1], [1], [0]])
    records = [
        Records(Context(torch.zeros(2, 0)), torch.zeros(2, 0), torch.tensor([0, 2, 6]), each.int())
        for each in (of_old, torch.tensor(list(known))[of_old])
    ]
    before, after = (all_logits(network, each, [0]) for network, each in zip((old, new), records, strict=True))
    check(before["events", 0], after["events", 0], known)


@pytest.mark.parametrize("has_flat", [True, False])
def test_lists_say_what_they_said_and_a_column_of_them_that_is_gone_is_empty(has_flat):
    flat = {"x": letters()} if has_flat else {}
    length = {"length": letters()}
    old_columns = SequenceColumns(flat, length, {}, {"m": letters(), "l": letters(values="ab")})
    new_columns = SequenceColumns({"y": letters(), **flat}, length, {}, {"l": letters(values="cba"), "n": letters()})
    old, new = network_of(old_columns, 4, 0), network_of(new_columns, 4, 1)
    found = transfer_sequences(old, old_columns, new, new_columns)
    assert (found.new_columns, found.dropped_columns) == (
        ["n (context, elements)", "y (context)"],
        ["m (context, elements)"],
    )
    offsets, events = torch.tensor([0, 3, 3, 4]), torch.zeros(0, 0)
    of_x, of_l, of_n = torch.tensor([[0], [1], [2]]), torch.tensor([[1], [2], [0], [1]]), torch.tensor([[1]])
    kept = torch.tensor([0, 3, 2])  # a and b stand in another order
    empty = Lists(of_n[:0], torch.zeros(4, dtype=torch.long))
    theirs = Context(of_x[:, : len(flat)], (empty, Lists(of_l, offsets)))
    ours = Context(
        torch.cat([of_x, of_x[:, : len(flat)]], 1),
        (Lists(kept[of_l], offsets), Lists(of_n, torch.tensor([0, 0, 1, 1]))),
    )
    before, after = (
        all_logits(network, Records(each, events, torch.zeros(4, dtype=torch.long), events), [])
        for network, each in ((old, theirs), (new, ours))
    )
    check(before["length", 0], after["length", 0], {code: code for code in range(3)})


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 400), st.integers(0, 9))
def test_places_keep_what_is_known_of_them(before, after, number, seed):
    old_knots, new_knots = knots(before).double(), knots(after).double()
    weight = torch.randn(3 * len(old_knots), 2, generator=seeded(seed), dtype=torch.float64)
    known = weight.unflatten(0, (3, -1))
    found = hats(torch.tensor([number]), new_knots) @ _moved(weight, old_knots, new_knots).unflatten(0, (3, -1))
    last_in_both = max(set(old_knots.tolist()) & set(new_knots.tolist()))
    if after <= before or number <= last_in_both or number in new_knots.tolist():
        expected = hats(torch.tensor([min(number, after)]), old_knots) @ known
        torch.testing.assert_close(found, expected)
    low, high = known.amin(1, keepdim=True), known.amax(1, keepdim=True)
    assert ((found >= low - 1e-9) & (found <= high + 1e-9)).all()


# --- what is told, and what is refused --------------------------------------------------------------------------------


def named(values: str) -> Described:
    return letters(values=values)


def carry(old: SequenceColumns, new: SequenceColumns, *, sizes=TINY):
    networks = [network_of(each, 4 if each.length else 1, seed) for seed, each in enumerate((old, new))]
    networks[1].sizes = sizes
    return transfer_sequences(networks[0], old, networks[1], new)


def test_says_what_became_of_the_columns_of_both_tables():
    old = SequenceColumns({"x": named("ab"), "w": named("a")}, {"length": named("1")}, {"x": named("ab")})
    new = SequenceColumns({"x": named("abc")}, {"length": named("12")}, {"y": named("a"), "x": named("b")})
    found = carry(old, new)
    assert found.parts == (
        PartTransfer("x", "letter", n_kept=2, n_near=0, n_average=0, n_dropped=1),
        PartTransfer("length (number of events)", "letter", n_kept=2, n_near=0, n_average=1, n_dropped=0),
        PartTransfer("x (context)", "letter", n_kept=3, n_near=0, n_average=1, n_dropped=0),
    )
    assert (found.new_columns, found.dropped_columns, found.n_new_codes) == (["y"], ["w (context)"], 2)
    assert json.loads(json.dumps(found.facts))["new"] == [["y", "letter"]]


SEVERAL, ONE = {"length": named("12")}, {}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            SequenceColumns({}, ONE, {"x": named("a")}),
            SequenceColumns({}, SEVERAL, {"x": named("a")}),
            "expected a model of subjects with any number of rows, .* found one of subjects with exactly one .*RESET",
        ),
        (
            SequenceColumns({}, SEVERAL, {"x": named("a")}),
            SequenceColumns({}, ONE, {"x": named("a")}),
            "expected a model of subjects with exactly one row each, .* found one of subjects with any number .*RESET",
        ),
        (
            SequenceColumns({"c": named("a")}, SEVERAL, {"x": named("a")}),
            SequenceColumns({"c": named("a")}, SEVERAL, {"y": named("a")}),
            r"knows \(x\), found y; rename .* RESET",
        ),
        (
            SequenceColumns({"c": named("a")}, SEVERAL, {"x": named("a")}),
            SequenceColumns({"c": named("a")}, SEVERAL, {}),
            r"knows \(x\), found none; .* RESET",
        ),
        (
            SequenceColumns({}, SEVERAL, {}),
            SequenceColumns({}, SEVERAL, {"x": named("a")}),
            r"knows \(none\), found x; .* RESET",
        ),
    ],
    ids=["history", "no history", "other events", "no events any more", "no events before"],
)
def test_where_nothing_fits_the_message_says_what_is_different(old, new, message):
    with pytest.raises(InputError, match=message):
        carry(old, new)


@pytest.mark.parametrize("sizes", [{"embedding": 2}, {"hidden": 6}, {"n_residual": 0}])
def test_other_sizes_are_an_error(sizes):
    columns = SequenceColumns({}, SEVERAL, {"x": named("a")})
    with pytest.raises(InputError, match=r"4 units .* RESET"):
        carry(columns, columns, sizes=replace(TINY, **sizes))
