"""`ctx.storage`: nbconvex.functions.context_storage."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from nbconvex import Id
from nbconvex.errors import DocumentNotFoundError, NotAllowedError, NotAvailableError, ValueInvalidError
from nbconvex.testing import TestBackend, convex_test

StorageId = Id["_storage"]
BASE = "https://files.convex.test/api/storage/"


@pytest.fixture
def t() -> Iterator[TestBackend]:
    with convex_test() as t:
        yield t


@pytest.fixture
def file_id(t) -> str:
    return t.action(lambda ctx: ctx.storage.store(b"hello", content_type="text/plain"))


def test_queries_see_addresses_and_what_is_known(t, file_id) -> None:
    assert t.query(lambda ctx: ctx.storage.get_url(file_id)).startswith(BASE)
    assert t.query(lambda ctx: ctx.storage.get_metadata(file_id))["contentType"] == "text/plain"
    document = t.query(lambda ctx: ctx.db.system.get(file_id))
    assert (document["size"], document["contentType"]) == (5, "text/plain")
    assert t.query(lambda ctx: ctx.db.system.query("_storage").collect()) == [document]
    assert repr(t.query(lambda ctx: repr(ctx.storage))) == repr("<ctx.storage of inline>")


@pytest.mark.case("storage/upload_url")
def test_mutations_and_actions_make_upload_addresses(t) -> None:
    for call in (t.mutation, t.action):
        assert call(lambda ctx: ctx.storage.generate_upload_url()).startswith(f"{BASE}upload?token=")


@pytest.mark.case("storage/delete_in_mutation", "storage/delete_in_action", "storage/get_missing")
def test_deleted_files_are_none(t) -> None:
    for call in (t.mutation, t.action):
        file_id = t.action(lambda ctx: ctx.storage.store(b"hello"))
        assert t.action(lambda ctx, each=file_id: ctx.storage.get(each).text()) == "hello"
        call(lambda ctx, each=file_id: ctx.storage.delete(each))
        assert t.action(lambda ctx, each=file_id: ctx.storage.get(each)) is None
        for member in ("get_url", "get_metadata"):
            assert t.query(lambda ctx, name=member, each=file_id: getattr(ctx.storage, name)(each)) is None
        with pytest.raises(DocumentNotFoundError):
            call(lambda ctx, each=file_id: ctx.storage.delete(each))


def test_a_file_is_deleted_once_a_transaction(t, file_id) -> None:
    def twice(ctx):
        ctx.storage.delete(file_id)
        assert ctx.db.system.get(file_id) is None
        ctx.storage.delete(file_id)

    with pytest.raises(DocumentNotFoundError):
        t.mutation(twice)
    assert t.query(lambda ctx: ctx.storage.get_url(file_id)) is not None


def test_a_nested_mutation_that_fails_deletes_nothing(t, file_id) -> None:
    @t.backend.mutation(name="m:inner")
    def inner(ctx):
        ctx.storage.delete(file_id)
        raise ValueError

    def outer(ctx):
        with pytest.raises(ValueError):
            ctx.run_mutation("m:inner")
        return ctx.storage.get_url(file_id)

    assert t.mutation(outer) is not None
    assert t.query(lambda ctx: ctx.storage.get_url(file_id)) is not None


def test_a_live_query_of_an_address_follows_the_file(t, file_id) -> None:
    @t.backend.query(name="m:url")
    def url(ctx):
        return ctx.storage.get_url(file_id)

    seen = []
    with t.backend.subscribe("m:url", None, lambda update: seen.append(update.value)):
        t.mutation(lambda ctx: ctx.storage.delete(file_id))
        t.settle()
    assert [each is None for each in seen] == [False, True]


def test_an_async_action_awaits_everything_and_may_gather(t) -> None:
    async def act(ctx):
        ids = await asyncio.gather(*(ctx.storage.store(str(at).encode()) for at in range(3)))
        files = [await ctx.storage.get(each) for each in ids]
        await ctx.storage.delete(ids[0])
        with pytest.raises(ValueInvalidError):
            await ctx.storage.get("abc")
        assert (await ctx.storage.generate_upload_url()).startswith(BASE)
        return [*(each.text() for each in files[1:]), await ctx.storage.get_url(ids[0])]

    assert t.action(act) == ["1", "2", None]


def test_a_missing_await_is_named(t) -> None:
    async def act(ctx):
        return ctx.storage.get_url("abc") + "x"

    with pytest.raises(NotAllowedError, match=r"await ctx.storage.get_url\(...\)"):
        t.action(act)


def test_an_await_too_much_is_named(t, file_id) -> None:
    async def read(ctx):
        return await ctx.storage.get_url(file_id)

    with pytest.raises(NotAllowedError, match="Remove the await"):
        t.query(read)


@pytest.mark.case("storage/query_no_store")
@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("query", "store", "is a query, which only reads: ctx.storage.store is there in actions"),
        ("query", "get", "is there in actions"),
        ("query", "delete", "is there in mutations and actions"),
        ("query", "generate_upload_url", "is there in mutations and actions"),
        ("mutation", "store", "mutations never touch the bytes of files"),
        ("mutation", "get", "Do it in an action"),
        ("query", "getUrl", "is spelled ctx.storage.get_url here"),
        ("query", "generateUploadUrl", "is spelled ctx.storage.generate_upload_url here"),
        ("action", "upload", "ctx.storage has no upload. It has delete, generate_upload_url, get"),
    ],
)
def test_what_a_kind_does_not_have_is_taught(t, kind, name, words) -> None:
    with pytest.raises(NotAvailableError, match=words):
        getattr(t, kind)(lambda ctx: getattr(ctx.storage, name))
    assert getattr(t, kind)(lambda ctx: hasattr(ctx.storage, name)) is False


@pytest.mark.case("determinism/store_blob_in_mutation_refused")
def test_a_mutation_that_stores_bytes_is_sent_to_an_action_and_writes_nothing(t) -> None:
    def keep(ctx, data: bytes):
        ctx.db.insert("uploads", {"size": len(data)})
        return ctx.storage.store(data)

    with pytest.raises(NotAvailableError, match="action") as caught:
        t.mutation(keep, data=b"hello")
    assert "ctx.storage.store" in str(caught.value)
    assert t.run(lambda ctx: ctx.db.query("uploads").collect()) == []
    assert t.run(lambda ctx: ctx.db.system.query("_storage").collect()) == []


@pytest.mark.case("storage/string_id_accepted")
def test_an_id_declared_as_any_string_works_and_is_hinted_at_once(t, file_id) -> None:
    @t.backend.query(name="m:loose")
    def loose(ctx, storageId: str):
        return ctx.storage.get_url(storageId)

    @t.backend.query(name="m:strict")
    def strict(ctx, storageId: StorageId):
        return ctx.storage.get_url(storageId)

    told = [t.backend.run_outcome(path, {"storageId": file_id}) for path in ("m:loose", "m:loose", "m:strict")]
    assert {each.value[: len(BASE)] for each in told} == {BASE}
    lines = [" ".join(map(str, each.log_lines)) for each in told]
    assert 'Id["_storage"]' in lines[0]
    assert "_storage" not in lines[1] + lines[2]


def test_an_address_that_expires_makes_the_result_depend_on_the_time(t, file_id) -> None:
    @t.backend.query(name="m:url")
    def url(ctx):
        return ctx.storage.get_url(file_id, expires_in=60)

    first = t.query("m:url")
    t.advance(30)
    assert t.query("m:url") != first
