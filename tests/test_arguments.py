"""The parser of kernel calls says what a Python function would say."""

from __future__ import annotations

import array
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import threadmodule
from reference import calls

KERNELS = calls(array.array("d", [1, 2, 3]), b"abc")
Kernel = Callable[..., Any]


@pytest.fixture(params=KERNELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["call", "thread"])
def call(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Both ways to a kernel parse alike."""
    if request.param == "call":
        return lambda kernel, *args, **kwargs: kernel(*args, **kwargs)

    def in_thread(kernel: Kernel, *args: Any, **kwargs: Any) -> Any:
        thread = threadmodule.Thread(target=kernel, args=args, kwargs=kwargs)
        thread.start()
        return thread.result()

    return in_thread


def test_positional_and_by_keyword(call: Callable[..., Any], name: str) -> None:
    kernel, args = getattr(threadmodule, name), KERNELS[name]
    names = list(inspect.signature(kernel).parameters)
    defaults = [parameter.default for parameter in inspect.signature(kernel).parameters.values()]
    expected = kernel(*args)
    assert names[-1] == "progress"
    assert "threads" in names
    for result in [
        call(kernel, **dict(zip(names, args, strict=False))),
        call(kernel, *args, threads=2),
        call(kernel, *args, *defaults[len(args) :]),
        call(kernel, *args[:-1], progress=None, **{names[len(args) - 1]: args[-1]}),
    ]:
        assert all(map(np.array_equal, *(x if isinstance(x, tuple) else (x,) for x in (result, expected))))


def test_too_many(call: Callable[..., Any], name: str) -> None:
    with pytest.raises(TypeError, match=rf"^{name}\(\) takes at most \d arguments \(9 given\)$"):
        call(getattr(threadmodule, name), *range(9))


def test_missing(call: Callable[..., Any], name: str) -> None:
    kernel, args = getattr(threadmodule, name), KERNELS[name]
    parameters = list(inspect.signature(kernel).parameters.values())
    for i, parameter in enumerate(parameters[: len(args)]):
        if parameter.default is parameter.empty:
            with pytest.raises(TypeError, match=rf"^{name}\(\) missing required argument '{parameter.name}'$"):
                call(kernel, *args[:i])


def test_unknown(call: Callable[..., Any], name: str) -> None:
    with pytest.raises(TypeError, match=rf"^{name}\(\) got an unexpected keyword argument 'axis'$"):
        call(getattr(threadmodule, name), *KERNELS[name], axis=0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'ñ'"):
        call(getattr(threadmodule, name), *KERNELS[name], ñ=0)


def test_twice(call: Callable[..., Any], name: str) -> None:
    kernel, args = getattr(threadmodule, name), KERNELS[name]
    for i, parameter in enumerate(list(inspect.signature(kernel).parameters)[: len(args)]):
        with pytest.raises(TypeError, match=rf"^{name}\(\) got multiple values for argument '{parameter}'$"):
            call(kernel, *args, **{parameter: args[i]})


def test_keywords_that_are_no_strings() -> None:
    thread = threadmodule.Thread(target=threadmodule.sum, kwargs={1: b"abc"})
    with pytest.raises(TypeError, match="keywords must be strings"):
        thread.start()


@pytest.mark.parametrize(
    ("threads", "error", "message"),
    [
        (0, ValueError, "at least 1, got 0"),
        (-1, ValueError, "at least 1, got -1"),
        (-(2**70), ValueError, f"at least 1, got -{2**70}"),
        (32769, OverflowError, "at most 32768, got 32769"),
        (2**31, OverflowError, "at most 32768"),
        (2**63, OverflowError, "at most 32768, got 9223372036854775808"),
        pytest.param(10**5000, OverflowError, "at most 32768, got an int of 16610 bits", id="huge OverflowError"),
        pytest.param(-(10**5000), ValueError, "at least 1, got an int of 16610 bits", id="huge ValueError"),
        (1.0, TypeError, "an int, not float"),
        ("2", TypeError, "an int, not str"),
        (np.float64(2), TypeError, "an int, not numpy.float64"),
    ],
)
def test_threads(call: Callable[..., Any], name: str, threads: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"^{name}\(\) argument 'threads' must be {message}"):
        call(getattr(threadmodule, name), *KERNELS[name], threads=threads)


@pytest.mark.parametrize(
    ("kernel", "args", "error", "message"),
    [
        ("sum_of_squares", (-1,), ValueError, r"'n' must be at least 0, got -1"),
        ("sum_of_squares", (2**63,), OverflowError, r"'n' must be at most 9223372036854775807"),
        ("sum_of_squares", (1e3,), TypeError, r"'n' must be an int, not float"),
        ("pi", (0,), ValueError, r"'n' must be at least 1, got 0"),
        ("pi", (2**64,), OverflowError, r"'n' must be at most"),
        pytest.param("pi", (10**5000,), OverflowError, r"'n' must be at most .* got an int of 16610 bits", id="huge"),
        ("pi", (None,), TypeError, r"'n' must be an int, not NoneType"),
        ("do_math", ("0", 1), TypeError, r"'start' must be an int, not str"),
        ("do_math", (0, 2**63), OverflowError, r"'num' must be at most"),
        ("do_math", (-(2**63) - 1, 0), ValueError, r"'start' must be at least"),
        ("square", ("x",), TypeError, r"'x' must be a number or an object with the buffer protocol, not str"),
        ("square", (None,), TypeError, r"'x' must be a number or an object with the buffer protocol, not NoneType"),
    ],
)
def test_values(
    call: Callable[..., Any], kernel: str, args: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=rf"^{kernel}\(\) argument {message}"):
        call(getattr(threadmodule, kernel), *args)


def test_an_index_that_raises(call: Callable[..., Any]) -> None:
    class Index:
        def __index__(self) -> int:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call(threadmodule.pi, Index())
    with pytest.raises(ZeroDivisionError):
        call(threadmodule.sum, bytearray(3), Index())
