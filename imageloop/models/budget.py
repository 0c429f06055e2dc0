"""How many requests a run may send."""

import threading

from imageloop.errors import ModelError

MOST = 1000
"""Requests that are sent at most where nobody says otherwise."""


class Budget:
    """A cap on the requests of one process, every attempt counted. One budget may be shared by models and threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._spent = 0
        self._lock = threading.Lock()

    @property
    def spent(self) -> int:
        """How many requests were sent so far."""
        return self._spent

    def take(self, name: str) -> None:
        """Count one request of the model of that name. Raises ModelError when there is none left."""
        with self._lock:
            if self._spent >= self._most:
                raise ModelError(
                    f"{name}: all {self._most} requests that --max-requests allows are sent; every finished round is kept: "
                    "type the same command with a higher --max-requests to go on"
                )
            self._spent += 1
