"""Settings: nbconvex.notebook.options."""

from __future__ import annotations

import pytest

from nbconvex.notebook.options import NbConvex


def test_config_lists_traits_and_refuses_nonsense_softly(shell) -> None:
    assert "NbConvex.live_rows" in shell.run("%config NbConvex").stdout
    shell.run("%config NbConvex.live_rows = 50")
    ran = shell.run("%config NbConvex.live_rows = 'many'")
    assert "must be a number from 1 to 100000, not 'many'; it stays 50" in ran.stderr
    assert "must be one of" in shell.run("%config NbConvex.live = 'hologram'").stderr
    shell.run("%reload_ext nbconvex")
    assert shell.value("get_ipython().nbconvex_extension.session.options.live_rows") == 50


def test_environment_sets_what_the_configuration_does_not(monkeypatch) -> None:
    monkeypatch.setenv("NBCONVEX_DATABASE", "elsewhere.duckdb")
    monkeypatch.setenv("NBCONVEX_LIVE_ROWS", "77")
    monkeypatch.setenv("NBCONVEX_FOLD_TRACEBACKS", "no")
    options = NbConvex()
    assert (options.database, options.live_rows, options.fold_tracebacks) == ("elsewhere.duckdb", 77, False)


@pytest.mark.parametrize("value", ["", "0", "-1", "1e9", "x"])
def test_nonsense_in_the_environment_is_ignored(value, monkeypatch) -> None:
    monkeypatch.setenv("NBCONVEX_LIVE_ROWS", value)
    assert NbConvex().live_rows == 1_000


@pytest.mark.parametrize(
    ("limit", "size_bytes"),
    [("2GB", 2 * 10**9), ("512 mb", 512 * 10**6), ("1.5GiB", 3 * 2**29), ("4096", 4096), (4096, 4096), ("", None)],
)
def test_memory_limit_is_a_size_with_a_unit_or_bytes(limit, size_bytes, capsys) -> None:
    options = NbConvex()
    options.memory_limit = limit
    assert options.memory_bytes_max == size_bytes
    options.memory_limit = "much"
    assert options.memory_limit == limit
    assert "must be a size such as '2GB'" in capsys.readouterr().err


def test_memory_limit_holds_for_the_store_that_is_opened_next(bare_shell, monkeypatch) -> None:
    monkeypatch.setenv("NBCONVEX_DATABASE", ":memory:")
    monkeypatch.setenv("NBCONVEX_MEMORY_LIMIT", "1KB")
    bare_shell.run("%load_ext nbconvex")
    bare_shell.run("%%mutation\ndef put(ctx):\n    return ctx.db.insert('things', {'text': 'x' * 2_000})")
    assert "would outgrow its memory budget" in str(bare_shell.fail("api.main.put()").error)
    bare_shell.run("%config NbConvex.memory_limit = '1MB'")
    bare_shell.run("%convex close")
    bare_shell.run("%%mutation\ndef put(ctx):\n    return ctx.db.insert('things', {'text': 'x' * 2_000})")
    bare_shell.run("api.main.put()")


def test_database_trait_names_the_store(bare_shell, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("NBCONVEX_DATABASE", "mine.duckdb")
    bare_shell.run("%load_ext nbconvex")
    bare_shell.run("%%mutation\ndef put(ctx):\n    return ctx.db.insert('things', {})")
    bare_shell.run("api.main.put()")
    bare_shell.run("%convex close")
    assert (tmp_path / "mine.duckdb").exists()


def test_server_settings_come_from_the_environment_and_refuse_nonsense(monkeypatch, capsys) -> None:
    monkeypatch.setenv("NBCONVEX_PORT", "4000")
    monkeypatch.setenv("NBCONVEX_HOST", "0.0.0.0")
    monkeypatch.setenv("NBCONVEX_SERVE", "always")
    monkeypatch.setenv("NBCONVEX_ALLOWED_HOSTS", "a.example, *.b.example")
    options = NbConvex()
    assert (options.port, options.host, options.serve) == (4000, "0.0.0.0", "always")
    assert options.host_names == ("a.example", "*.b.example")
    options.port = 70_000
    options.serve = "sometimes"
    assert (options.port, options.serve) == (4000, "always")
    told = capsys.readouterr().err
    assert "NbConvex.port must be a number from 0 to 65534, not 70000; it stays 4000." in told
    assert "NbConvex.serve must be one of 'auto', 'always', 'never', not 'sometimes'" in told


def test_development_tokens_have_three_settings(capsys) -> None:
    options = NbConvex()
    assert options.development_tokens == "auto"
    options.development_tokens = "always"
    options.development_tokens = "sometimes"
    assert options.development_tokens == "always"
    assert "must be one of 'auto', 'always', 'never', not 'sometimes'; it stays 'always'." in capsys.readouterr().err
