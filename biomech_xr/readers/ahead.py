"""Read the next file in a thread while this one is worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Ahead(Generic[Item, Result]):
    """Results of a function for each of some items, in order, made in one thread before they are asked for.

    An error of the function is raised where its result is asked for, and ends the thread. pandas, NumPy and hashlib do
    without the interpreter lock for most of a file, so that the thread and its owner run side by side.

    Parameters
    ----------
    make
        The function; it must not depend on what its owner does meanwhile.
    items
        Its arguments, one after the other.
    most
        How many results may be made or wait beside the one that its owner has: this bounds the memory.
    """

    def __init__(self, make: Callable[[Item], Result], items: Iterable[Item], *, most: int = 1) -> None:
        self._make = make
        self._items = iter(items)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="biomech-xr-ahead")
        self._waiting: deque[Future[Result]] = deque()
        for _ in range(most):
            self._start_next()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Result]:
        return self

    def __next__(self) -> Result:
        if not self._waiting:
            raise StopIteration
        result = self._waiting.popleft().result()
        self._start_next()
        return result

    def close(self) -> None:
        """Forget what was not asked for; what is being made is waited for."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._waiting.clear()

    def _start_next(self) -> None:
        for item in self._items:
            self._waiting.append(self._pool.submit(self._make, item))
            return
