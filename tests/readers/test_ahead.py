"""Files read ahead: in order, beside their owner, no further ahead than allowed, and nothing after the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from biomech_xr.readers.ahead import Ahead

_LONG = 20.0


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("biomech-xr-ahead")]


def test_results_come_in_order_and_end() -> None:
    with Ahead(str, range(5)) as ahead:
        assert list(ahead) == ["0", "1", "2", "3", "4"]
        with pytest.raises(StopIteration):
            next(ahead)
    with Ahead(str, ()) as ahead:
        assert list(ahead) == []


def test_the_next_is_made_while_its_owner_has_the_first() -> None:
    made = [threading.Event() for _ in range(3)]
    with Ahead(lambda k: made[k].set(), range(3)) as ahead:
        next(ahead)
        assert made[1].wait(_LONG)
        next(ahead)
        assert made[2].wait(_LONG)


@pytest.mark.parametrize("most", [1, 2, 4])
def test_never_more_than_allowed_are_made_ahead(most: int) -> None:
    made: list[int] = []
    asked = 0
    too_many = []

    def make(k: int) -> int:
        made.append(k)
        if len(made) > asked + 1 + most:
            too_many.append(k)
        return k

    with Ahead(make, range(12), most=most) as ahead:
        for _ in range(12):
            asked += 1
            next(ahead)
    assert made == list(range(12))
    assert not too_many


def test_an_item_is_not_taken_before_its_turn() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for k in range(9):
            taken.append(k)
            yield k

    with Ahead(str, items()) as ahead:
        assert taken == [0]
        next(ahead)
        assert taken == [0, 1]


def test_an_error_comes_where_its_result_is_asked_for() -> None:
    with Ahead(lambda k: 1 / k, (2, 0, 4)) as ahead:
        assert next(ahead) == 0.5
        with pytest.raises(ZeroDivisionError):
            next(ahead)
    assert not _threads()


def _gated(made: list[int], begun: threading.Event, gate: threading.Event) -> Callable[[int], None]:
    def make(k: int) -> None:
        made.append(k)
        if k == 1:
            begun.set()
            assert gate.wait(_LONG)

    return make


def test_what_was_not_asked_for_is_not_made_after_the_end() -> None:
    made: list[int] = []
    begun, gate = threading.Event(), threading.Event()
    with Ahead(_gated(made, begun, gate), range(9), most=9) as ahead:
        next(ahead)
        assert begun.wait(_LONG)
        threading.Timer(0.05, gate.set).start()
    assert made == [0, 1]
    assert not _threads()
