"""Offering an upload: nbconvex.notebook.upload."""

from __future__ import annotations

import importlib.util

import httpx
import pytest

import nbconvex
from nbconvex.errors import CallerError


@pytest.fixture
def shell(bare_shell, monkeypatch):
    monkeypatch.setenv("NBCONVEX_DATABASE", ":memory:")
    monkeypatch.setenv("NBCONVEX_PORT", "0")
    bare_shell.run("%load_ext nbconvex")
    return bare_shell


def test_upload_is_a_panel_with_an_address(shell) -> None:
    panel = shell.value("import nbconvex\nnbconvex.upload(accept='.csv', multiple=False)")
    assert (panel.accept, panel.multiple, panel.files) == (".csv", False, [])
    assert httpx.post(panel.url, content=b"hello").status_code == 200


def test_without_widgets_it_is_an_address_to_post_to(shell, monkeypatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "anywidget" else find(name))
    plain = shell.run("%convex upload").plain[0]
    assert "curl --data-binary @photo.png" in plain
    assert "/api/storage/upload?token=" in plain


def test_without_the_extension_it_says_what_to_load(bare_shell) -> None:
    with pytest.raises(CallerError, match="%load_ext nbconvex"):
        nbconvex.upload()
