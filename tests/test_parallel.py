"""Work side by side in threads: order, errors, and how many threads."""

import threading
import time

import pytest

from synth_engine.parallel import map_in_threads, usable_cores


@pytest.mark.parametrize("n_threads", [None, 1, 2, 7])
@pytest.mark.parametrize("n_items", [0, 1, 5, 40])
def test_results_in_the_order_of_the_items(n_threads, n_items):
    def slower_first(item: int) -> int:
        time.sleep((n_items - item) * 1e-4)
        return item * item

    assert list(map_in_threads(slower_first, range(n_items), n_threads)) == [i * i for i in range(n_items)]


def test_pieces_run_at_the_same_time():
    together = threading.Barrier(3, timeout=30)
    assert list(map_in_threads(lambda _: together.wait() >= 0, range(3), 3)) == [True] * 3


def test_the_first_error_is_raised_and_the_rest_is_not_begun():
    begun = []

    def fail(item: int) -> None:
        begun.append(item)
        time.sleep(0.01)
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item 0"):
        list(map_in_threads(fail, range(200), 2))
    assert len(begun) < 100


@pytest.mark.parametrize(("told", "found"), [("3", 3), ("1", 1)])
def test_cores_may_be_limited(monkeypatch, told, found):
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert usable_cores() == found


@pytest.mark.parametrize("told", ["", "0", "many"])
def test_what_is_no_number_limits_nothing(monkeypatch, told):
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert usable_cores() >= 1
