"""Records as tokens: against putting them together in plain Python."""

import itertools
import json

import pytest
import torch

from synth_engine.language.records import Records
from synth_engine.language.segments import Segments, joined
from tests.language.helpers import CONTEXT, TARGET, make_records, make_vocabulary, natural


def put_together(records: Records, row: int, places: list[int]) -> tuple[list[int], list[bool]]:
    """The slow twin: ids of one record, and which are judged."""
    wording, ids, judged = records.wording, [], []

    def add(piece, is_judged=False):
        ids.extend(piece)
        judged.extend([is_judged] * len(piece))

    add(wording.prompt_begin)
    for i, column in enumerate(records.context):
        add(wording.prompt_names[i])
        add(column.lists()[row])
        add(wording.prompt_between if i < len(records.context) - 1 else wording.prompt_end)
    if not records.context:
        assert wording.prompt_end == ()
    add(wording.begin)
    in_order = sorted(range(len(places)), key=places.__getitem__)
    for i, column in enumerate(in_order):
        add(wording.names[column])
        add(records.target[column].lists()[row], True)
        add(wording.between if i < len(in_order) - 1 else wording.end, True)
    return ids, judged


CONTEXTS = [{}, CONTEXT, CONTEXT | {"age": ["1", "22", "", "4", "5", "66"]}]


@pytest.mark.parametrize("context", CONTEXTS, ids=len)
@pytest.mark.parametrize("target", [TARGET, {"price": TARGET["price"]}], ids=len)
def test_batches_equal_those_put_together_in_plain_python(context, target):
    records = make_records(make_vocabulary(context=list(context)), context=context, target=target)
    rows = [3, 0, 5, 5, 1]
    for orders in itertools.islice(itertools.permutations(range(len(target))), 4):
        places = [list(orders) if i % 2 else list(range(len(target))) for i in range(len(rows))]
        tokens_BT, is_judged_BT, lengths_B = records.batch(torch.tensor(rows), torch.tensor(places))
        assert tokens_BT.dtype == torch.long
        assert tokens_BT.shape == is_judged_BT.shape == (len(rows), lengths_B.max())
        for i, row in enumerate(rows):
            ids, judged = put_together(records, row, places[i])
            assert tokens_BT[i, : lengths_B[i]].tolist() == ids
            assert is_judged_BT[i, : lengths_B[i]].tolist() == judged
            assert not is_judged_BT[i, lengths_B[i] :].any()
            assert not tokens_BT[i, lengths_B[i] :].any()
            assert records.lengths()[row] == lengths_B[i]


def test_records_read_as_json():
    vocabulary = make_vocabulary()
    tokens_BT, _, lengths_B = make_records(vocabulary).batch(torch.arange(6), natural(6))
    texts = vocabulary.decode([tokens[:length] for tokens, length in zip(tokens_BT.tolist(), lengths_B, strict=True)])
    for row, text in enumerate(texts):
        context, target = text.split("\n")
        assert json.loads(context) == {name: json.loads(values[row]) for name, values in CONTEXT.items()}
        assert json.loads(target) == {name: json.loads(values[row]) for name, values in TARGET.items()}


def test_judged_tokens_are_counted():
    vocabulary = make_vocabulary()
    records = make_records(vocabulary)
    tokens_BT, is_judged_BT, _ = records.batch(torch.arange(6), natural(6))
    counts = records.judged_counts(vocabulary.size)
    assert counts.tolist() == torch.bincount(tokens_BT[is_judged_BT], minlength=vocabulary.size).tolist()


def test_no_records_are_an_empty_batch():
    records = make_records(make_vocabulary())
    tokens_BT, is_judged_BT, lengths_B = records.batch(torch.tensor([], dtype=torch.long), natural(0))
    assert tokens_BT.shape == is_judged_BT.shape == (0, 0)
    assert lengths_B.tolist() == []


def test_segments_of_some_texts():
    segments = Segments.of([[1, 2], [], [3], [4, 5, 6]])
    assert segments.take(torch.tensor([3, 1, 3, 0])).lists() == [[4, 5, 6], [], [4, 5, 6], [1, 2]]
    assert segments.take(torch.tensor([], dtype=torch.long)).lists() == []
    assert joined([segments, Segments.of([]), segments]).lists() == segments.lists() * 2
    assert segments.lengths.tolist() == [2, 0, 1, 3]
