"""What a Thread holds, and when it lets go: arguments, buffers, cycles, finalizers."""

from __future__ import annotations

import gc
import sys
import threading
import weakref

import pytest
import threadmodule
from support import eventually
from threadmodule import Thread


def test_weakrefs_and_attributes() -> None:
    thread = Thread()
    thread.anything = 1
    assert vars(thread) == {"anything": 1}
    reference = weakref.ref(thread)
    assert reference() is thread


def test_a_thread_lets_go_of_its_arguments_when_it_is_done() -> None:
    class Argument:
        pass

    argument = Argument()
    reference = weakref.ref(argument)
    thread = Thread(target=lambda _: None, args=(argument,))
    del argument
    assert reference() is not None
    thread.start()
    thread.join()
    gc.collect()
    assert reference() is None


def test_cycles_are_collected() -> None:
    class Target:
        thread: Thread

        def __call__(self) -> Target:
            return self

    for start in [False, True]:
        target = Target()
        target.thread = Thread(target=target)
        if start:
            target.thread.start()
            target.thread.join()
        reference = weakref.ref(target)
        del target
        gc.collect()
        assert reference() is None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="__buffer__ is from Python 3.12")
def test_cycles_through_the_buffer_of_a_kernel_are_collected() -> None:
    class Exporter:
        thread: Thread

        def __buffer__(self, flags: int) -> memoryview:
            return memoryview(b"abc")

    exporter = Exporter()
    exporter.thread = Thread(target=threadmodule.sum, args=(exporter,))
    exporter.thread.start()
    reference = weakref.ref(exporter)
    assert eventually(lambda thread=exporter.thread: not thread.is_alive())
    del exporter
    gc.collect()
    assert reference() is None


def test_the_collector_does_not_take_the_buffer_of_a_kernel_that_runs() -> None:
    class Cyclic(bytearray):
        thread: Thread

    for _ in range(5):
        data = Cyclic(100_000_000)
        data.thread = Thread(target=threadmodule.sum, args=(memoryview(data),))
        data.thread.start()
        del data
        gc.collect()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="__buffer__ is from Python 3.12")
def test_a_thread_that_was_resurrected_and_cleared() -> None:
    """An exporter that asks for the result while the collector takes the thread apart."""
    kept: list[Thread] = []
    seen: list[str] = []

    class Resurrects:
        def __del__(self) -> None:
            kept.append(self.thread)

    class Exporter:
        def __buffer__(self, flags: int) -> memoryview:
            return memoryview(b"abc")

        def __release_buffer__(self, view: memoryview) -> None:
            try:
                self.thread.result(0)
            except RuntimeError as error:
                seen.append(str(error))

    def cycle() -> None:
        exporter, resurrects = Exporter(), Resurrects()
        thread = Thread(target=threadmodule.sum, args=(exporter,))
        exporter.thread = resurrects.thread = thread
        thread.resurrects = resurrects
        thread.start()

    cycle()
    gc.collect()  # finalized, once for all, while the kernel may be running
    assert eventually(lambda: not any(thread.is_alive() for thread in kept))
    kept.clear()
    gc.collect()
    assert len(seen) <= 1


def test_a_name_may_be_part_of_a_cycle() -> None:
    class Name(str):
        pass

    class Named:
        def __str__(self) -> str:
            return made[0]

    made = [Name("x")]
    made[0].thread = Thread(name=Named())
    name = made.pop()
    reference = weakref.ref(name)
    del name
    gc.collect()
    assert reference() is None


def test_the_last_reference_may_be_the_threads_own() -> None:
    done = threading.Event()
    for _ in range(100):
        done.clear()
        Thread(target=done.set).start()
        assert done.wait(60)
