"""Searching for words: what is found, in which order, what counts as read, and how it is misused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nbconvex.database.cursor import Cursor, fingerprint_of
from nbconvex.database.database import Database
from nbconvex.database.search import SearchBuilder
from nbconvex.database.transaction import Transaction
from nbconvex.errors import (
    CallerError,
    ConflictError,
    CursorInvalidError,
    IndexInvalidError,
    LimitExceededError,
    ValueInvalidError,
)
from nbconvex.limits import Limits
from nbconvex.values.scalars import UNSET, Int64
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v
from tests.database.stores import insert_all, open_database, read, write

MESSAGES = (
    table(v.any())
    .index("by_author", ["author"])
    .search_index("words", search_field="body", filter_fields=["author", "deletionTime", "deep.er"])
    .search_index("later", search_field="title", staged=True)
)
NUMBERED = table({"body": v.string(), "n": v.optional(v.int64())})
SCHEMA = define_schema(
    {
        "t": MESSAGES,
        "bare": table(v.any()),
        "ns": NUMBERED.search_index("words", search_field="body", filter_fields=["n"]),
    }
)


def open_with(*bodies: str | dict[str, Any], limits: Limits | None = None) -> Database:
    database = open_database(schema=SCHEMA, limits=limits)
    insert_all(database, "t", [{"body": each} if isinstance(each, str) else each for each in bodies])
    return database


def search(tx: Transaction, text: str, **equal: Any) -> Any:
    def build(q: SearchBuilder) -> SearchBuilder:
        q = q.search("body", text)
        for field, value in equal.items():
            q = q.eq(field, value)
        return q

    return tx.query("t").with_search_index("words", build)


def bodies(found: list[dict[str, Any]]) -> list[Any]:
    return [each["body"] for each in found]


def found(database: Database, text: str, **equal: Any) -> list[Any]:
    return read(database, lambda tx: bodies(search(tx, text, **equal).collect()))


# -- what is found -----------------------------------------------------------------------------------------------------

HELLO, CONVEX = "hello convex", "only convex here"


@pytest.mark.parametrize(
    ("stored", "text", "expected"),
    [
        pytest.param(
            ["Hello World", "GOODBYE WORLD"], "WoRlD", {"Hello World", "GOODBYE WORLD"},
            marks=pytest.mark.case("text-search/case_insensitive"),
        ),
        pytest.param(
            ["Foo", "Foo Bar Baz"], "foo missing", {"Foo", "Foo Bar Baz"},
            marks=pytest.mark.case("text-search/missing_term_ignored"),
        ),
        pytest.param([HELLO, CONVEX], "con hello", {HELLO}, marks=pytest.mark.case("text-search/prefix_only_last")),
        pytest.param([HELLO, CONVEX], "hello con", {HELLO, CONVEX}),
        pytest.param([HELLO, CONVEX], "vex", set(), marks=pytest.mark.case("text-search/no_substring")),
        pytest.param([HELLO, ""], "", set(), marks=pytest.mark.case("text-search/empty_text")),
        pytest.param([HELLO, "!!!"], "!!!", set(), marks=pytest.mark.case("text-search/punctuation_only")),
        pytest.param(
            ["e-mail@example.com"], "example", {"e-mail@example.com"},
            marks=pytest.mark.case("text-search/punctuation_splits"),
        ),
        pytest.param(
            ["Größe", "東京 タワー", "Grosse"], "größe", {"Größe"},
            marks=pytest.mark.case("text-search/unicode_letters"),
        ),
        pytest.param(["Größe", "東京 タワー"], "タワー 東", {"東京 タワー"}),
        pytest.param(
            ["x" * 40, "x" * 40 + " y"], "x" * 40, set(), marks=pytest.mark.case("text-search/long_token_dropped")
        ),
    ],
)  # fmt: skip
def test_words_are_found(stored: list[str], text: str, expected: set[str]) -> None:
    assert set(found(open_with(*stored), text)) == expected


@pytest.mark.case("text-search/blanks_ignored")
def test_blanks_around_words_mean_nothing() -> None:
    database = open_with("Foo", "Foo Bar Baz")
    assert found(database, "   foo   bar   ") == found(database, "foo bar") == ["Foo Bar Baz", "Foo"]


def test_more_words_than_sixteen_are_not_looked_for() -> None:
    database = open_with("seventeenth", "sixteenth and more", "first")
    text = " ".join(["first", *(f"w{n}" for n in range(14)), "sixteenth", "seventeenth"])
    assert set(found(database, text)) == {"first", "sixteenth and more"}
    assert "sixteenth and more" in found(database, text.replace("sixteenth", "sixt")), "it is the last one then"


@pytest.mark.case("text-search/filter")
def test_a_search_is_narrowed_by_equality() -> None:
    database = open_with(
        {"body": "hello from sarah", "author": "sarah"}, {"body": "hello from joe", "author": "joe"}, "hello"
    )
    assert found(database, "hello", author="sarah") == ["hello from sarah"]
    assert found(database, "hello", author="sarah", deletionTime=5) == []


@pytest.mark.case("text-search/text_search_eq_undefined", "text-search/eq_undefined_vs_null")
def test_absent_null_and_a_value_are_three_things() -> None:
    database = open_with(
        {"body": "row absent"},
        {"body": "row null", "deletionTime": None},
        {"body": "row active", "deletionTime": "active"},
    )
    assert found(database, "row", deletionTime=UNSET) == ["row absent"]
    assert found(database, "row", deletionTime=None) == ["row null"]
    assert found(database, "row", deletionTime="active") == ["row active"]


def test_nested_filter_fields_and_wide_integers_compare_as_in_indexes() -> None:
    database = open_with(
        {"body": "a", "deep": {"er": 1}}, {"body": "a b", "deep": {"er": 2}}, {"body": "a c", "deep": 1}
    )
    assert found(database, "a", **{"deep.er": 1}) == ["a"]
    assert found(database, "a", **{"deep.er": UNSET}) == ["a c"]
    insert_all(database, "ns", [{"body": "x", "n": 5}, {"body": "x y", "n": Int64(6)}])
    numbers = read(
        database,
        lambda tx: tx.query("ns").with_search_index("words", lambda q: q.search("body", "x").eq("n", 5)).collect(),
    )
    assert bodies(numbers) == ["x"], "an int is the 64-bit integer that a write would have made of it"


def test_a_value_whose_hash_is_anothers_is_not_found() -> None:
    # Two strings of one CRC-32.
    one, two = "plumless", "buckeroo"
    database = open_with({"body": "a", "author": one}, {"body": "a", "author": two})
    assert len(found(database, "a", author=one)) == 1


# -- the order ---------------------------------------------------------------------------------------------------------


@pytest.mark.case("text-search/rare_term_ranks_higher")
def test_a_rare_word_weighs_more() -> None:
    database = open_with(*["the cat", "the dog", "the cow"] * 5, "a zebra", "the end")
    assert found(database, "the zebra")[0] == "a zebra"


@pytest.mark.case("text-search/shorter_field_ranks_higher")
def test_a_shorter_text_comes_first() -> None:
    assert found(open_with("a long text with one cat in it", "cat"), "cat") == ["cat", "a long text with one cat in it"]


def test_more_occurrences_come_first_and_whole_words_before_beginnings() -> None:
    database = open_with("con x x x", "convex x x x", "con con x x", *["other words of no use"] * 9)
    assert found(database, "con") == ["con con x x", "con x x x", "convex x x x"]


def test_of_equal_ones_the_newer_comes_first() -> None:
    database = open_with({"body": "same", "n": 1}, {"body": "same", "n": 2})
    insert_all(database, "t", [{"body": "same", "n": 3}])
    assert read(database, lambda tx: [each["n"] for each in search(tx, "same").collect()]) == [3, 2, 1]


# -- consumption -------------------------------------------------------------------------------------------------------


@pytest.mark.case("pagination/search_pages")
def test_pages_keep_the_order_and_are_not_split() -> None:
    database = open_with(*[{"body": "hit " + "pad " * (n % 3), "n": n} for n in range(12)])
    whole = read(database, lambda tx: [each["n"] for each in search(tx, "hit").collect()])
    pages, cursor = [], None
    while not pages or not pages[-1]["isDone"]:
        page = read(
            database, lambda tx, at=cursor: search(tx, "hit").paginate(num_items=5, cursor=at, maximum_rows_read=5)
        )
        pages.append(page)
        cursor = page["continueCursor"]
    assert [[each["n"] for each in page["page"]] for page in pages] == [whole[:5], whole[5:10], whole[10:]]
    assert all(page.keys() == {"page", "isDone", "continueCursor"} for page in pages)
    again = read(
        database,
        lambda tx: search(tx, "hit").paginate(
            num_items=1, cursor=pages[0]["continueCursor"], end_cursor=pages[1]["continueCursor"]
        ),
    )
    assert [each["n"] for each in again["page"]] == whole[5:10]
    with pytest.raises(CursorInvalidError, match="made by another query"):
        read(database, lambda tx: search(tx, "hits").paginate(num_items=5, cursor=cursor))
    with pytest.raises(CursorInvalidError, match="made by another query"):
        read(database, lambda tx: search(tx, "hit", author=None).paginate(num_items=5, cursor=cursor))


def test_a_page_survives_the_deletion_of_the_document_it_ended_with() -> None:
    database = open_with(*[{"body": "hit", "n": n} for n in range(6)])
    first = read(database, lambda tx: search(tx, "hit").paginate(num_items=2))
    write(database, lambda tx: tx.delete(first["page"][-1]["_id"]))
    second = read(database, lambda tx: search(tx, "hit").paginate(num_items=9, cursor=first["continueCursor"]))
    assert [each["n"] for each in second["page"]] == [3, 2, 1, 0]


def test_pages_have_no_gaps_while_other_texts_change_every_score() -> None:
    database = open_with(*[{"body": "hit" + " pad" * (n % 3), "n": n} for n in range(30)])
    whole = read(database, lambda tx: [each["n"] for each in search(tx, "hit pa").collect()])
    seen, cursor, is_done = [], None, False
    while not is_done:
        page = read(database, lambda tx, at=cursor: search(tx, "hit pa").paginate(num_items=4, cursor=at))
        seen += [each["n"] for each in page["page"]]
        cursor, is_done = page["continueCursor"], page["isDone"]
        insert_all(database, "t", [{"body": "a text without any of these words " * len(seen)}] * 3)
    assert seen == whole


def test_a_cursor_that_somebody_made_up_is_no_place() -> None:
    database = open_with("hit")
    query = read(database, lambda tx: search(tx, "hit"))
    for key in (b"", b"short", b"x" * 28 + b"word", b"x" * 28 + b"word\0\0"):
        made_up = str(Cursor(fingerprint_of(*query.description), key))
        with pytest.raises(CursorInvalidError, match="no place in the results"):
            read(database, lambda tx, at=made_up: search(tx, "hit").paginate(num_items=4, cursor=at))


# -- limits ------------------------------------------------------------------------------------------------------------


def test_what_is_scanned_is_charged_and_has_a_limit() -> None:
    database = open_with(*["hit"] * 12, limits=Limits(search_documents=10))
    transaction = database.begin(writable=False)
    assert len(search(transaction, "hit").take(10)) == 10
    assert (transaction.metrics.documents_read, transaction.metrics.database_queries) == (10, 1)
    with pytest.raises(LimitExceededError, match="the search query scanned too many documents") as raised:
        search(transaction, "hit").collect()
    assert raised.value.limit == "search_documents"
    assert ".take(n)" in str(raised.value)
    with pytest.raises(LimitExceededError, match="scanned too many documents"):
        search(transaction, "hit").filter(lambda d: False).first()
    exact = open_with(*["hit"] * 10, limits=Limits(search_documents=10))
    assert len(found(exact, "hit")) == 10
    insert_all(exact, "t", [{"body": "hit"}])
    with pytest.raises(LimitExceededError):
        found(exact, "hit")


def test_a_beginning_stands_for_the_most_frequent_words() -> None:
    rare = [f"ab{letter}" for letter in "klmnopqrstuvwxyz"]
    database = open_with(*rare, *["abzz common"] * 2, "ab")
    hits = found(database, "ab")
    assert hits.count("abzz common") == 2
    assert set(hits) == {"ab", "abzz common", *rare[:-1]}, "sixteen in all, the alphabet decides between equals"


def test_words_in_all_have_a_limit() -> None:
    database = open_with("one", "two", "twofold", "twosome", limits=Limits(search_expanded_words=3))
    assert set(found(database, "one two")) == {"one", "two", "twofold"}


# -- transactions ------------------------------------------------------------------------------------------------------


@pytest.mark.case("text-search/sees_own_writes", "text-search/not_after_delete")
def test_a_transaction_sees_what_it_wrote_and_not_what_it_deleted() -> None:
    database = open_with("old words")
    transaction = database.begin(writable=True)
    new = transaction.insert("t", {"body": "new words"})
    assert set(bodies(search(transaction, "words").collect())) == {"old words", "new words"}
    transaction.patch(new, {"body": "other"})
    assert bodies(search(transaction, "words").collect()) == ["old words"]
    transaction.delete(search(transaction, "old").first()["_id"])
    assert search(transaction, "words").first() is None
    assert found(database, "words") == ["old words"], "until it commits"


def overlapping(text: str, **equal: Any) -> Callable[[Callable[[Transaction], Any]], bool]:
    """Whether a write conflicts with a transaction that searched before it, and writes too."""
    database = open_with(
        {"body": "hello world", "author": "ada", "n": 1}, {"body": "unrelated", "author": "ada"}, "hello there"
    )
    ids = {each["body"]: each["_id"] for each in read(database, lambda tx: tx.query("t").collect())}

    def run(change: Callable[..., Any]) -> bool:
        reader = database.begin(writable=True)
        search(reader, text, **equal).collect()
        reader.insert("bare", {})
        write(database, lambda tx: change(tx, ids))
        try:
            database.commit(reader)
        except ConflictError:
            return True
        return False

    return run


def insert(**fields: Any) -> Callable[..., Any]:
    return lambda tx, _: tx.insert("t", fields)


def patch(which: str, **fields: Any) -> Callable[..., Any]:
    return lambda tx, ids: tx.patch(ids[which], fields)


@pytest.mark.parametrize(
    ("text", "equal", "change", "conflicts"),
    [
        ("hello", {}, insert(body="Hello again"), True),
        ("hello", {}, insert(body="helloween"), True),
        ("hello x", {}, insert(body="helloween"), False),
        ("hello", {}, insert(body="hell"), False),
        ("hello", {}, insert(body="something else"), False),
        ("hello", {}, insert(other=1), False),
        ("", {}, insert(body="hello"), False),
        ("nothing", {}, insert(body="nothing"), True),
        ("hello", {}, patch("hello world", body="bye"), True),
        ("hello", {}, patch("hello world", n=2), True),
        ("hello", {}, patch("unrelated", body="now hello"), True),
        ("hello", {}, patch("unrelated", n=2), False),
        ("hello", {}, lambda tx, ids: tx.delete(ids["hello world"]), True),
        ("hello", {}, lambda tx, ids: tx.delete(ids["unrelated"]), False),
        ("hello", {"author": "ada"}, insert(body="hello", author="ada"), True),
        ("hello", {"author": "ada"}, insert(body="hello", author="ada\0"), False),
        ("hello", {"author": "ada"}, insert(body="hello", author="joe"), False),
        ("hello", {"author": "ada"}, insert(body="hello"), False),
        ("hello", {"author": "ada"}, patch("hello there", author="ada"), True),
        ("hello", {"author": "ada"}, patch("hello world", author="joe"), True),
        ("hello", {"deletionTime": UNSET}, insert(body="hello", deletionTime=None), False),
        ("hello", {"deletionTime": UNSET}, insert(body="hello"), True),
    ],
)
def test_what_was_read_are_the_words(text: str, equal: Any, change: Any, conflicts: bool) -> None:
    assert overlapping(text, **equal)(change) == conflicts


def test_a_conflict_names_the_document() -> None:
    database = open_with("hello")
    reader = database.begin(writable=True)
    search(reader, "hello").collect()
    reader.insert("bare", {})
    [written] = insert_all(database, "t", [{"body": "hello"}])
    with pytest.raises(ConflictError) as raised:
        database.commit(reader)
    assert written in str(raised.value)


# -- misuse ------------------------------------------------------------------------------------------------------------


def chain(run: Callable[[Any], Any]) -> Callable[[Transaction], Any]:
    return lambda tx: run(tx.query("t"))


def built(build: Any, *, index: str = "words") -> Callable[[Transaction], Any]:
    return lambda tx: tx.query("t").with_search_index(index, build)


def good(q: SearchBuilder) -> SearchBuilder:
    return q.search("body", "x")


def narrowed(times: int) -> Callable[[SearchBuilder], SearchBuilder]:
    def build(q: SearchBuilder) -> SearchBuilder:
        q = good(q)
        for _ in range(times):
            q = q.eq("author", "a")
        return q

    return build


def twice_extended(q: SearchBuilder) -> SearchBuilder:
    q.search("body", "x")
    return q.eq("author", "a")


CASES = "text-search/"


def misuse(run: Callable[[Transaction], Any], error: type[Exception], words: str, case: str | None = None) -> Any:
    return pytest.param(run, error, words, marks=[pytest.mark.case(CASES + case)] if case else [])


@pytest.mark.parametrize(
    ("run", "error", "words"),
    [
        misuse(
            chain(lambda q: q.with_search_index("words", good).order("asc")), CallerError, "always come by relevance",
            "order_refused",
        ),
        misuse(chain(lambda q: q.order("asc").with_search_index("words", good)), CallerError, "come by relevance"),
        misuse(
            built(lambda q: good(q).search("body", "y")), CallerError, "one q.search(...), got two",
            "two_search_expressions",
        ),
        misuse(
            built(lambda q: q.eq("author", "a")), CallerError, "exactly one q.search(...), got none",
            "no_search_expression",
        ),
        misuse(built(narrowed(9)), LimitExceededError, "too many conditions", "nine_filters"),
        misuse(
            lambda tx: tx.query("nowhere").with_search_index("words", good), IndexInvalidError,
            "there is no such table", "missing_table_error",
        ),
        misuse(built(lambda q: q.search("title", "x")), IndexInvalidError, 'is on the field "body"'),
        misuse(built(lambda q: good(q).eq("body", "x")), IndexInvalidError, 'has no filter field "body"'),
        misuse(built(lambda q: good(q).eq("author", object())), ValueInvalidError, ".author"),
        misuse(built(lambda q: q.search("body", 5)), CallerError, "takes the text to look for, got int"),
        misuse(built(lambda q: q.search(None, "x")), CallerError, "takes the field's name first"),
        misuse(built(lambda q: good(q).eq(5, "x")), CallerError, "q.eq in .with_search_index takes the field's name"),
        misuse(built(twice_extended), CallerError, "already extended"),
        misuse(built(lambda q: good(q).gt("author", "a")), CallerError, "a search has no q.gt"),
        misuse(built(lambda q: "x"), CallerError, "must return q.search(...), got str"),
        misuse(built(None), CallerError, "needs what to look for as its second argument"),
        misuse(lambda tx: tx.query("t").with_search_index(good, good), CallerError, "takes the index's name first"),
        misuse(built(good, index="later"), IndexInvalidError, "is currently staged"),
        misuse(built(good, index="word"), IndexInvalidError, 'Search indexes of "t": words, later.'),
        misuse(built(good, index="by_author"), IndexInvalidError, "an ordinary index, not a search index"),
        misuse(
            lambda tx: tx.query("bare").with_search_index("words", good), IndexInvalidError,
            'Search indexes of "bare": none.',
        ),
        misuse(chain(lambda q: q.with_index("words")), IndexInvalidError, "t.words is a search index"),
        misuse(
            chain(lambda q: q.filter(lambda d: True).with_search_index("words", good)), CallerError, "before .filter"
        ),
        misuse(
            chain(lambda q: q.with_index("by_author").with_search_index("words", good)), CallerError, "reads one index"
        ),
        misuse(
            chain(lambda q: q.with_search_index("words", good).with_index("by_author")), CallerError, "reads one index"
        ),
        misuse(
            chain(lambda q: q.with_search_index("words", good).full_table_scan()), CallerError, "reads one index"
        ),
        misuse(chain(lambda q: q.withSearchIndex("words", good)), CallerError, ".with_search_index(...)"),
    ],
)  # fmt: skip
def test_misuse_is_told_what_to_write_instead(run: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        read(open_with("x"), run)
    assert words in str(raised.value)


def test_eight_conditions_are_fine() -> None:
    database = open_with({"body": "x", "author": "a"})
    assert len(read(database, lambda tx: built(narrowed(8))(tx).collect())) == 1
    with pytest.raises(LimitExceededError) as raised:
        read(database, built(narrowed(9)))
    assert (raised.value.limit, raised.value.maximum, raised.value.actual) == ("search_filters", 8, 9)
