"""A backend that is served, and somebody who asks it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from nbconvex.backend import Backend
from nbconvex.server.serve import Server, serve
from tests.server.served import Served


@pytest.fixture
def backend() -> Iterator[Backend]:
    """An empty backend in memory."""
    with Backend.open() as backend:
        yield backend


@pytest.fixture
def server(backend) -> Iterator[Server]:
    """A server for it, on two free ports."""
    with serve(backend, port=0) as server:
        yield server


@pytest.fixture
def http(server) -> Iterator[httpx.Client]:
    """A client of its API address."""
    with httpx.Client(base_url=server.url, verify=False, timeout=30) as client:
        yield client


@pytest.fixture
def site(server) -> Iterator[httpx.Client]:
    """A client of its site address."""
    with httpx.Client(base_url=server.site_url, verify=False, timeout=30) as client:
        yield client


@pytest.fixture
def served() -> Iterator[Served]:
    """The backend that the official clients are tested against, in memory, served by this process."""
    with Served() as served:
        yield served
