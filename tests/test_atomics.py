"""AtomicInt and AtomicReference: each operation as a whole, whatever other threads do."""

from __future__ import annotations

import gc
import itertools
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from support import check_python
from threadmodule import AtomicInt, AtomicReference, Barrier, Thread

TOP, BOTTOM = 2**63 - 1, -(2**63)


def in_threads(*calls: Callable[[], Any]) -> list[Any]:
    """All at the same time."""
    together = Barrier(len(calls))
    threads = [Thread(target=lambda call=call: (together.wait(60), call())[1]) for call in calls]
    for thread in threads:
        thread.start()
    return [thread.result(120) for thread in threads]


def test_integer() -> None:
    number = AtomicInt()
    assert number.load() == 0
    assert AtomicInt(value=-5).load() == -5
    assert number.store(7) is None
    assert number.add() == 7
    assert number.add(-10) == 8
    assert number.exchange(TOP) == -2
    assert number.load() == TOP
    assert number.compare_exchange(TOP, 3) is True
    assert number.compare_exchange(TOP, 4) is False
    assert number.load() == 3


def test_integers_are_read_by_index() -> None:
    class Index:
        def __index__(self) -> int:
            return 5

    number = AtomicInt(Index())
    number.add(Index())
    assert number.compare_exchange(10, Index()) is True
    assert number.exchange(True) == 5
    assert number.load() == 1
    assert type(number.load()) is int


@pytest.mark.parametrize(("start", "n"), [(TOP, 1), (BOTTOM, -1), (1, TOP), (-2, BOTTOM), (TOP, TOP), (BOTTOM, BOTTOM)])
def test_overflow_instead_of_wrapping(start: int, n: int) -> None:
    number = AtomicInt(start)
    with pytest.raises(OverflowError):
        number.add(n)
    assert number.load() == start


@pytest.mark.parametrize("value", [TOP + 1, BOTTOM - 1, 10**100])
def test_more_than_64_bits(value: int) -> None:
    with pytest.raises(OverflowError):
        AtomicInt(value)
    number = AtomicInt(1)
    for call in [
        number.store,
        number.add,
        number.exchange,
        lambda value: number.compare_exchange(1, value),
        lambda value: number.compare_exchange(value, 1),
    ]:
        with pytest.raises(OverflowError):
            call(value)
    assert number.load() == 1


def test_extremes() -> None:
    number = AtomicInt(BOTTOM)
    assert number.add(TOP) == BOTTOM
    assert number.add(1) == -1
    assert number.exchange(TOP) == 0
    assert number.add(BOTTOM) == TOP
    assert number.load() == -1


def test_no_addition_is_lost() -> None:
    number = AtomicInt()

    def count() -> list[int]:
        return [number.add(1) for _ in range(20_000)]

    before = in_threads(*[count] * 4)
    assert sorted(itertools.chain(*before)) == list(range(80_000))
    assert number.load() == 80_000


def test_compare_exchange_succeeds_once() -> None:
    number = AtomicInt()

    def count() -> None:
        for _ in range(5_000):
            while True:
                value = number.load()
                if number.compare_exchange(value, value + 1):
                    break

    in_threads(*[count] * 4)
    assert number.load() == 20_000


def test_an_exchange_hands_each_value_to_one() -> None:
    number = AtomicInt(-1)

    def swap(first: int) -> list[int]:
        return [number.exchange(value) for value in range(first, first + 5_000)]

    got = in_threads(*[lambda n=n: swap(n * 5_000) for n in range(4)])
    assert sorted([*itertools.chain(*got), number.load()]) == list(range(-1, 20_000))


def test_reference() -> None:
    one, two = [1], [1]
    reference = AtomicReference(one)
    assert reference.load() is one
    assert reference.store(two) is None
    assert reference.exchange(one) is two
    assert reference.compare_exchange(two, two) is False  # equal, but not the same
    assert reference.compare_exchange(one, two) is True
    assert reference.load() is two
    assert AtomicReference().load() is None
    assert AtomicReference(value=5).load() == 5


def test_a_reference_compares_nothing() -> None:
    class Never:
        def __eq__(self, other: object) -> bool:
            raise AssertionError

        __hash__ = None  # type: ignore[assignment]

    reference = AtomicReference(never := Never())
    assert reference.compare_exchange(Never(), 1) is False
    assert reference.compare_exchange(never, 1) is True


def test_a_reference_owns_what_it_refers_to() -> None:
    class Thing:
        pass

    reference: AtomicReference[Thing | None] = AtomicReference(Thing())
    first = weakref.ref(reference.load())
    gc.collect()
    assert first() is not None
    reference.store(Thing())
    gc.collect()
    assert first() is None
    second = weakref.ref(reference.exchange(None))
    gc.collect()
    assert second() is None
    thing = Thing()
    references = sys.getrefcount(thing)
    for _ in range(100):
        reference.store(thing)
        reference.load()
        reference.exchange(thing)
        reference.compare_exchange(thing, thing)
        reference.compare_exchange(None, thing)
    reference.store(None)
    assert sys.getrefcount(thing) == references
    third = weakref.ref(thing)
    reference.store(thing)
    del thing, reference
    gc.collect()
    assert third() is None


def test_a_destructor_may_use_the_reference_that_lets_go() -> None:
    seen = []

    class Thing:
        def __del__(self) -> None:
            seen.append(reference.load())
            reference.store("from the destructor")

    reference: AtomicReference[object] = AtomicReference(Thing())
    reference.store("new")
    gc.collect()
    assert seen == ["new"]
    assert reference.load() == "from the destructor"


@pytest.mark.parametrize("subclass", [False, True])
def test_a_long_chain_goes_without_recursion(subclass: bool) -> None:
    check_python(f"""
        from threadmodule import AtomicReference
        class Mine(AtomicReference): pass
        chain = None
        for _ in range(1_000_000):
            chain = {"Mine" if subclass else "AtomicReference"}(chain)
        del chain
    """)


def test_references_in_many_threads() -> None:
    """Each object is handed on to one thread only, and none is freed too early."""
    reference: AtomicReference[object] = AtomicReference(None)

    def swap(first: int) -> list[object]:
        return [reference.exchange([n]) for n in range(first, first + 5_000)]

    def look() -> None:
        for _ in range(10_000):
            value = reference.load()
            assert value is None or type(value[0]) is int  # type: ignore[index]

    *lists, _, _ = in_threads(*[lambda n=n: swap(n * 5_000) for n in range(4)], look, look)
    values = [*itertools.chain(*lists), reference.load()]
    assert values.count(None) == 1
    assert sorted(value[0] for value in values if value is not None) == list(range(20_000))  # type: ignore[index]


def test_a_stack_without_locks() -> None:
    top: AtomicReference[tuple[object, object] | None] = AtomicReference(None)

    def push(first: int) -> None:
        for n in range(first, first + 2_000):
            node = (n, top.load())
            while not top.compare_exchange(node[1], node):  # type: ignore[arg-type]
                node = (n, top.load())

    def pop() -> list[object]:
        got: list[object] = []
        while len(got) < 2_000:
            node = top.load()
            if node is not None and top.compare_exchange(node, node[1]):  # type: ignore[arg-type]
                got.append(node[0])
        return got

    results = in_threads(*[lambda n=n: push(n * 2_000) for n in range(2)], pop, pop)
    assert sorted(itertools.chain(*results[2:])) == list(range(4_000))
    assert top.load() is None
