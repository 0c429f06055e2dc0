"""The rows of a batch, asked of a server a few at a time."""

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import TypeVar

Result = TypeVar("Result")
Ask = Callable[[int, threading.Event], Result]


class Abandoned(Exception):
    """A row was given up because another one failed."""


def ask_each(keys: Sequence[Hashable], ask: Ask[Result], workers: int) -> list[Result]:
    """`ask(row, stopped)` for each row, by at most `workers` threads; order is kept. Rows of one key are asked once.

    So no row that only pads a batch is paid for: it has the input and the seed of the row before. The first error is raised once it is
    known; `stopped` is then set, on which `ask` raises Abandoned, and rows that are not begun are never asked.
    """
    rows = {key: row for row, key in reversed(list(enumerate(keys)))}
    futures: dict[Hashable, Future[Result]] = {key: Future() for key in keys}
    jobs = iter([(future, rows[key]) for key, future in futures.items()])
    stopped, lock = threading.Event(), threading.Lock()
    for _ in range(min(workers, len(futures))):
        # Daemons, unlike the threads of an executor: Ctrl-C must not wait for a slow server, neither here nor when Python ends.
        threading.Thread(target=_work, args=(jobs, lock, ask, stopped), daemon=True).start()
    try:
        done, _ = wait(futures.values(), return_when=FIRST_EXCEPTION)
        for future in futures.values():
            if future in done:
                future.result()
        return [futures[key].result() for key in keys]
    finally:
        stopped.set()


def _work(jobs: "Iterator[tuple[Future[Result], int]]", lock: threading.Lock, ask: Ask[Result], stopped: threading.Event) -> None:
    while not stopped.is_set():
        with lock:
            future, row = next(jobs, (None, 0))
        if future is None:
            return
        try:
            future.set_result(ask(row, stopped))
        except Abandoned:
            return
        except BaseException as error:  # noqa: BLE001 -- handed to the thread that waits, which raises it
            future.set_exception(error)
            stopped.set()
