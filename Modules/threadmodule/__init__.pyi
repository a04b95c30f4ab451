"""Real parallelism in Python: POSIX threads that run native kernels on any buffer, without the GIL."""

import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from queue import Empty as Empty
from queue import Full as Full
from threading import TIMEOUT_MAX as TIMEOUT_MAX
from threading import BrokenBarrierError as BrokenBarrierError
from threading import ExceptHookArgs as ExceptHookArgs
from threading import ThreadError as ThreadError
from threading import excepthook as excepthook
from threading import get_ident as get_ident
from threading import get_native_id as get_native_id
from threading import getprofile as getprofile
from threading import gettrace as gettrace
from threading import local as local
from threading import main_thread as main_thread
from threading import setprofile as setprofile
from threading import settrace as settrace
from threading import stack_size as stack_size
from types import GenericAlias
from typing import Any, Final, Generic, Protocol, SupportsIndex, TypeAlias, TypeVar, final, overload

from typing_extensions import Buffer, disjoint_base

if sys.version_info >= (3, 13):
    from queue import ShutDown as ShutDown
else:
    class ShutDown(Exception):
        """Raised by put() and get() of a queue that is shut down."""

__all__ = [
    "TIMEOUT_MAX",
    "Array",
    "AtomicInt",
    "AtomicReference",
    "Barrier",
    "BoundedSemaphore",
    "BrokenBarrierError",
    "Condition",
    "Empty",
    "Event",
    "ExceptHookArgs",
    "Full",
    "Kernel",
    "Latch",
    "LifoQueue",
    "Lock",
    "PriorityQueue",
    "Queue",
    "RLock",
    "RWLock",
    "RWLockSide",
    "Semaphore",
    "ShutDown",
    "SimpleQueue",
    "Thread",
    "ThreadError",
    "Timer",
    "abs",
    "activeCount",
    "active_count",
    "add",
    "argmax",
    "argmin",
    "axpy",
    "bincount",
    "clip",
    "count_nonzero",
    "cpu_count",
    "cumsum",
    "currentThread",
    "current_thread",
    "divide",
    "do_math",
    "dot",
    "enumerate",
    "excepthook",
    "exp",
    "get_ident",
    "get_include",
    "get_native_id",
    "get_num_threads",
    "getprofile",
    "gettrace",
    "histogram",
    "local",
    "log",
    "main_thread",
    "max",
    "mean",
    "min",
    "multiply",
    "negative",
    "norm",
    "pi",
    "scale",
    "set_num_threads",
    "setprofile",
    "settrace",
    "sqrt",
    "square",
    "stack_size",
    "start_threads",
    "subtract",
    "sum",
    "sum_of_squares",
    "var",
]

# NumPy declares its arrays as buffers to Python 3.12 and newer only.
class _NumPyArray(Protocol):
    @property
    def __array_interface__(self) -> Any: ...

_Buffer: TypeAlias = Buffer | _NumPyArray
_Operand: TypeAlias = _Buffer | complex
_Progress: TypeAlias = Callable[[int], object]
_T = TypeVar("_T")
_Out = TypeVar("_Out", bound=_Buffer)

__version__: Final[str]
_C_API: Final[object]

@final
class Kernel:
    """A native function that runs in POSIX threads, without the GIL, on any buffer."""

    __name__: str
    __qualname__: str
    __text_signature__: str | None
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __get__(self, instance: object, owner: type | None = None, /) -> Kernel: ...
    def __reduce__(self) -> str: ...

class _Lock(Protocol):
    def acquire(self, blocking: bool = ..., timeout: float = ..., /) -> bool: ...
    def release(self) -> None: ...

@disjoint_base
class Lock:
    """A mutual exclusion lock: threading.Lock."""

    def __init__(self, *, handoff: bool = True) -> None: ...
    def acquire(self, blocking: bool = True, timeout: float | None = -1) -> bool: ...
    def release(self) -> None: ...
    def locked(self) -> bool: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, type: object, value: object, traceback: object, /) -> None: ...

@disjoint_base
class RLock:
    """A lock that its owner may acquire again: threading.RLock."""

    def __init__(self, *, handoff: bool = True) -> None: ...
    def acquire(self, blocking: bool = True, timeout: float | None = -1) -> bool: ...
    def release(self) -> None: ...
    def locked(self) -> bool: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, type: object, value: object, traceback: object, /) -> None: ...

@disjoint_base
class Condition:
    """A condition variable: threading.Condition."""

    __dict__: dict[str, Any]
    def __init__(self, lock: _Lock | None = None, *, handoff: bool = True) -> None: ...
    def acquire(self, blocking: bool = True, timeout: float | None = -1) -> bool: ...
    def release(self) -> None: ...
    def locked(self) -> bool: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, type: object, value: object, traceback: object, /) -> None: ...
    def wait(self, timeout: float | None = None) -> bool: ...
    def wait_for(self, predicate: Callable[[], _T], timeout: float | None = None) -> _T: ...
    def notify(self, n: SupportsIndex = 1) -> None: ...
    def notify_all(self) -> None: ...
    def notifyAll(self) -> None: ...

@disjoint_base
class Semaphore:
    """A number of permits: threading.Semaphore, with acquire(n=...) besides."""

    __dict__: dict[str, Any]
    def __init__(self, value: SupportsIndex = 1, *, handoff: bool = True) -> None: ...
    def acquire(self, blocking: bool = True, timeout: float | None = None, *, n: SupportsIndex = 1) -> bool: ...
    def release(self, n: SupportsIndex = 1) -> None: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, type: object, value: object, traceback: object, /) -> None: ...

class BoundedSemaphore(Semaphore):
    """A Semaphore that is never released more often than acquired: threading.BoundedSemaphore."""

@disjoint_base
class Event:
    """A flag to wait for: threading.Event."""

    __dict__: dict[str, Any]
    def __init__(self, *, handoff: bool = True) -> None: ...
    def is_set(self) -> bool: ...
    def isSet(self) -> bool: ...
    def set(self) -> None: ...
    def clear(self) -> None: ...
    def wait(self, timeout: float | None = None) -> bool: ...

@disjoint_base
class Barrier:
    """A point that a number of threads pass together: threading.Barrier."""

    __dict__: dict[str, Any]
    def __init__(
        self,
        parties: SupportsIndex,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
        *,
        handoff: bool = True,
    ) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def reset(self) -> None: ...
    def abort(self) -> None: ...
    @property
    def parties(self) -> int: ...
    @property
    def n_waiting(self) -> int: ...
    @property
    def broken(self) -> bool: ...

@disjoint_base
class Latch:
    """A count down to zero, once: std::latch of C++20."""

    def __init__(self, count: SupportsIndex, *, handoff: bool = True) -> None: ...
    @property
    def count(self) -> int: ...
    def count_down(self, n: SupportsIndex = 1) -> None: ...
    def wait(self, timeout: float | None = None) -> bool: ...
    def arrive_and_wait(self, n: SupportsIndex = 1, timeout: float | None = None) -> bool: ...

@final
class RWLockSide:
    """One of the two locks of an RWLock."""

    def acquire(self, blocking: bool = True, timeout: float | None = -1) -> bool: ...
    def release(self) -> None: ...
    def locked(self) -> bool: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, type: object, value: object, traceback: object, /) -> None: ...

@disjoint_base
class RWLock:
    """Many readers or one writer."""

    def __init__(self, *, handoff: bool = True) -> None: ...
    @property
    def read(self) -> RWLockSide: ...
    @property
    def write(self) -> RWLockSide: ...
    def upgrade(self, blocking: bool = True, timeout: float | None = -1) -> bool: ...
    def downgrade(self) -> None: ...

@disjoint_base
class AtomicInt:
    """A 64-bit integer that threads change without a lock: std::atomic<int64_t>."""

    def __init__(self, value: SupportsIndex = 0) -> None: ...
    def load(self) -> int: ...
    def store(self, value: SupportsIndex, /) -> None: ...
    def add(self, n: SupportsIndex = 1, /) -> int: ...
    def exchange(self, value: SupportsIndex, /) -> int: ...
    def compare_exchange(self, expected: SupportsIndex, desired: SupportsIndex, /) -> bool: ...

@disjoint_base
class AtomicReference(Generic[_T]):
    """A reference that threads change without a lock; compared by identity."""

    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...
    def __init__(self, value: _T = ...) -> None: ...
    def load(self) -> _T: ...
    def store(self, value: _T, /) -> None: ...
    def exchange(self, value: _T, /) -> _T: ...
    def compare_exchange(self, expected: _T, desired: _T, /) -> bool: ...

@disjoint_base
class Queue(Generic[_T]):
    """First in, first out: queue.Queue, with put_many() and get_many() besides."""

    queue: Any
    maxsize: int
    unfinished_tasks: int
    is_shutdown: bool
    @property
    def mutex(self) -> Lock: ...
    @property
    def not_empty(self) -> Condition: ...
    @property
    def not_full(self) -> Condition: ...
    @property
    def all_tasks_done(self) -> Condition: ...
    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...
    __dict__: dict[str, Any]
    def __init__(self, maxsize: int = 0, *, handoff: bool = True) -> None: ...
    def put(self, item: _T, block: bool = True, timeout: float | None = None) -> None: ...
    def get(self, block: bool = True, timeout: float | None = None) -> _T: ...
    def put_nowait(self, item: _T) -> None: ...
    def get_nowait(self) -> _T: ...
    def put_many(self, items: Iterable[_T], block: bool = True, timeout: float | None = None) -> int: ...
    def get_many(
        self, n: SupportsIndex | None = None, block: bool = True, timeout: float | None = None
    ) -> list[_T]: ...
    def qsize(self) -> int: ...
    def empty(self) -> bool: ...
    def full(self) -> bool: ...
    def task_done(self) -> None: ...
    def join(self) -> None: ...
    def shutdown(self, immediate: bool = False) -> None: ...

class LifoQueue(Queue[_T]):
    """Last in, first out: queue.LifoQueue."""

class PriorityQueue(Queue[_T]):
    """Least first: queue.PriorityQueue."""

@disjoint_base
class SimpleQueue(Generic[_T]):
    """Unbounded, first in, first out, reentrant: queue.SimpleQueue, with put_many() and get_many() besides."""

    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...
    def __init__(self, *, handoff: bool = True) -> None: ...
    def put(self, item: _T, block: bool = True, timeout: float | None = None) -> None: ...
    def get(self, block: bool = True, timeout: float | None = None) -> _T: ...
    def put_nowait(self, item: _T) -> None: ...
    def get_nowait(self) -> _T: ...
    def put_many(self, items: Iterable[_T], block: bool = True, timeout: float | None = None) -> int: ...
    def get_many(
        self, n: SupportsIndex | None = None, block: bool = True, timeout: float | None = None
    ) -> list[_T]: ...
    def qsize(self) -> int: ...
    def empty(self) -> bool: ...

@disjoint_base
class Thread:
    """One POSIX thread, with the interface of threading.Thread, and result()."""

    name: str
    daemon: bool
    __dict__: dict[str, Any]
    def __init__(
        self,
        group: None = None,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        daemon: bool | None = None,
    ) -> None: ...
    @property
    def ident(self) -> int | None: ...
    @property
    def native_id(self) -> int | None: ...
    def start(self) -> None: ...
    def run(self) -> Any: ...
    def join(self, timeout: float | None = None) -> None: ...
    def result(self, timeout: float | None = None) -> Any: ...
    def is_alive(self) -> bool: ...
    def __del__(self) -> None: ...

class Timer(Thread):
    """Calls a function after a number of seconds, unless it is cancelled before: threading.Timer."""

    interval: float
    function: Callable[..., object]
    args: Iterable[Any]
    kwargs: Mapping[str, Any]
    finished: Event
    def __init__(
        self,
        interval: float,
        function: Callable[..., object],
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> None: ...
    def cancel(self) -> None: ...

def active_count() -> int: ...
def activeCount() -> int: ...
def currentThread() -> Thread | threading.Thread: ...
def current_thread() -> Thread | threading.Thread: ...
def enumerate() -> list[Thread | threading.Thread]: ...
def sum(
    a: _Buffer,
    threads: SupportsIndex | None = None,
    exact: bool = False,
    progress: _Progress | None = None,
) -> float: ...
def mean(
    a: _Buffer,
    threads: SupportsIndex | None = None,
    exact: bool = False,
    progress: _Progress | None = None,
) -> float: ...
def min(a: _Buffer, threads: SupportsIndex | None = None, progress: _Progress | None = None) -> float: ...
def max(a: _Buffer, threads: SupportsIndex | None = None, progress: _Progress | None = None) -> float: ...
def argmin(a: _Buffer, threads: SupportsIndex | None = None, progress: _Progress | None = None) -> int: ...
def argmax(a: _Buffer, threads: SupportsIndex | None = None, progress: _Progress | None = None) -> int: ...
def norm(a: _Buffer, threads: SupportsIndex | None = None, progress: _Progress | None = None) -> float: ...
def count_nonzero(a: _Buffer, threads: SupportsIndex | None = None, progress: _Progress | None = None) -> int: ...
def var(
    a: _Buffer, ddof: float = 0, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> float: ...
def dot(
    a: _Buffer,
    b: _Buffer,
    threads: SupportsIndex | None = None,
    exact: bool = False,
    progress: _Progress | None = None,
) -> float: ...
@overload
def square(
    x: _Operand, out: None = None, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> Any: ...
@overload
def square(x: _Operand, out: _Out, threads: SupportsIndex | None = None, progress: _Progress | None = None) -> _Out: ...
@overload
def sqrt(
    x: _Operand, out: None = None, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> Any: ...
@overload
def sqrt(x: _Operand, out: _Out, threads: SupportsIndex | None = None, progress: _Progress | None = None) -> _Out: ...
@overload
def abs(
    x: _Operand, out: None = None, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> Any: ...
@overload
def abs(x: _Operand, out: _Out, threads: SupportsIndex | None = None, progress: _Progress | None = None) -> _Out: ...
@overload
def negative(
    x: _Operand, out: None = None, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> Any: ...
@overload
def negative(
    x: _Operand, out: _Out, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> _Out: ...
@overload
def exp(
    x: _Operand, out: None = None, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> Any: ...
@overload
def exp(x: _Operand, out: _Out, threads: SupportsIndex | None = None, progress: _Progress | None = None) -> _Out: ...
@overload
def log(
    x: _Operand, out: None = None, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> Any: ...
@overload
def log(x: _Operand, out: _Out, threads: SupportsIndex | None = None, progress: _Progress | None = None) -> _Out: ...
@overload
def add(
    a: _Operand, b: _Operand, out: None = None, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> Any: ...
@overload
def add(
    a: _Operand, b: _Operand, out: _Out, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> _Out: ...
@overload
def subtract(
    a: _Operand, b: _Operand, out: None = None, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> Any: ...
@overload
def subtract(
    a: _Operand, b: _Operand, out: _Out, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> _Out: ...
@overload
def multiply(
    a: _Operand, b: _Operand, out: None = None, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> Any: ...
@overload
def multiply(
    a: _Operand, b: _Operand, out: _Out, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> _Out: ...
@overload
def divide(
    a: _Operand, b: _Operand, out: None = None, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> Any: ...
@overload
def divide(
    a: _Operand, b: _Operand, out: _Out, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> _Out: ...
@overload
def scale(
    x: _Operand,
    alpha: _Operand,
    out: None = None,
    threads: SupportsIndex | None = None,
    progress: _Progress | None = None,
) -> Any: ...
@overload
def scale(
    x: _Operand, alpha: _Operand, out: _Out, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> _Out: ...
@overload
def axpy(
    alpha: _Operand,
    x: _Operand,
    y: _Operand,
    out: None = None,
    threads: SupportsIndex | None = None,
    progress: _Progress | None = None,
) -> Any: ...
@overload
def axpy(
    alpha: _Operand,
    x: _Operand,
    y: _Operand,
    out: _Out,
    threads: SupportsIndex | None = None,
    progress: _Progress | None = None,
) -> _Out: ...
@overload
def clip(
    a: _Operand,
    min: _Operand | None,
    max: _Operand | None,
    out: None = None,
    threads: SupportsIndex | None = None,
    progress: _Progress | None = None,
) -> Any: ...
@overload
def clip(
    a: _Operand,
    min: _Operand | None,
    max: _Operand | None,
    out: _Out,
    threads: SupportsIndex | None = None,
    progress: _Progress | None = None,
) -> _Out: ...
@overload
def cumsum(
    a: _Buffer, out: None = None, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> Array: ...
@overload
def cumsum(a: _Buffer, out: _Out, threads: SupportsIndex | None = None, progress: _Progress | None = None) -> _Out: ...
def bincount(
    x: _Buffer, minlength: SupportsIndex = 0, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> Array: ...
def histogram(
    a: _Buffer,
    bins: SupportsIndex | _Buffer = 10,
    range: Iterable[float] | None = None,
    threads: SupportsIndex | None = None,
    progress: _Progress | None = None,
) -> tuple[Array, Array]: ...
def sum_of_squares(
    n: SupportsIndex, threads: SupportsIndex | None = None, progress: _Progress | None = None
) -> int: ...
def pi(n: SupportsIndex, threads: SupportsIndex | None = None, progress: _Progress | None = None) -> float: ...
def do_math(
    start: SupportsIndex = 0,
    num: SupportsIndex = 10,
    threads: SupportsIndex | None = None,
    progress: _Progress | None = None,
) -> float: ...
def start_threads(n: SupportsIndex, /) -> None: ...
def cpu_count() -> int: ...
def get_num_threads() -> int: ...
def set_num_threads(n: SupportsIndex | None, /) -> None: ...
def get_include() -> str: ...
