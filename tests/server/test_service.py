"""What the parts of a server share: nbconvex.server.service."""

from __future__ import annotations

import pytest

from nbconvex.backend import Backend
from nbconvex.server.service import Service


@pytest.mark.parametrize(("path", "name"), [(":memory:", "memory"), ("shop.duckdb", "shop")])
def test_deployment_is_called_like_its_file(path, name, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Backend.open(path) as backend:
        service = Service(backend, 1, 2, "http://127.0.0.1:1", "http://127.0.0.1:2")
        assert service.instance_name == name
        assert service.limits is backend.limits
        assert service.calls.stop(1.0)
