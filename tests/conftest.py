import os

import pytest
from hypothesis import settings

settings.register_profile("imageloop", deadline=None, max_examples=20, derandomize=True, print_blob=True)
settings.load_profile("imageloop")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-golden", action="store_true", help="write tests/golden/ anew instead of comparing with it")


@pytest.fixture
def rewrite_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--rewrite-golden"))


@pytest.fixture
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss of power cannot be tested here, and waiting for a real disk makes these tests three times as long."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
