"""Messages as text: what is read, what is refused, what is written."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.errors import ProtocolError
from nbconvex.sync.messages import (
    Action,
    ActionResponse,
    Add,
    Authenticate,
    AuthError,
    Connect,
    Event,
    FatalError,
    ModifyQuerySet,
    Mutation,
    MutationResponse,
    Ping,
    QueryFailed,
    QueryRemoved,
    QueryUpdated,
    Remove,
    StateVersion,
    Transition,
    read_message,
    read_ts,
    write_chunks,
    write_message,
    write_ts,
)

# As the official clients send them. Source: wire-protocol 3.14, recorded.
READ = [
    (
        (
            '{"type":"Connect","sessionId":"9fe7","connectionCount":0,"lastCloseReason":"InitialConnect",'
            '"clientTs":1795415517532}'
        ),
        Connect("9fe7", 0, "InitialConnect", None, 1795415517532),
    ),
    (
        (
            '{"type":"Connect","sessionId":"9fe7","connectionCount":1,"lastCloseReason":null,"clientTs":0,'
            '"maxObservedTimestamp":"07p1dOiY6hg="}'
        ),
        Connect("9fe7", 1, None, "07p1dOiY6hg=", 0),
    ),
    (
        (
            '{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1,"modifications":[{"type":"Add","queryId":0,'
            '"udfPath":"messages:list","args":[{}]},{"type":"Remove","queryId":7}]}'
        ),
        ModifyQuerySet(0, 1, [Add(0, "messages:list", [{}]), Remove(7)]),
    ),
    (
        (
            '{"type":"ModifyQuerySet","baseVersion":1,"newVersion":2,"modifications":[{"type":"Add","queryId":1,'
            '"udfPath":"m:p","args":[{"a":1}],"journal":null},{"type":"Add","queryId":2,"udfPath":"m:p","args":[{}],'
            '"journal":"x","componentPath":""}]}'
        ),
        ModifyQuerySet(1, 2, [Add(1, "m:p", [{"a": 1}]), Add(2, "m:p", [{}], "x", "")]),
    ),
    ('{"type":"Mutation","requestId":0,"udfPath":"m:send","args":[{"b":"hi"}]}', Mutation(0, "m:send", [{"b": "hi"}])),
    ('{"type":"Action","requestId":3,"udfPath":"m:act","args":[{}],"new":"key"}', Action(3, "m:act", [{}])),
    (
        '{"type":"Authenticate","baseVersion":0,"tokenType":"User","value":"a.b.c"}',
        Authenticate(0, "User", "a.b.c"),
    ),
    ('{"type":"Authenticate","baseVersion":2,"tokenType":"None"}', Authenticate(2, "None")),
    (
        '{"type":"Authenticate","baseVersion":0,"tokenType":"Admin","value":"k","actingAs":{"subject":"a"}}',
        Authenticate(0, "Admin", "k", None, {"subject": "a"}),
    ),
    ('{"type":"Event","eventType":"ClientConnect","event":[1,{"a":null}]}', Event()),
]

REFUSED = [
    "",
    "nonsense",
    "[]",
    "null",
    "{}",
    '{"type":"Nothing"}',
    '{"type":"Mutation"}',
    '{"type":"Mutation","requestId":"0","udfPath":"m:f","args":[{}]}',
    '{"type":"Mutation","requestId":-1,"udfPath":"m:f","args":[{}]}',
    '{"type":"Mutation","requestId":1e300,"udfPath":"m:f","args":[{}]}',
    '{"type":"Mutation","requestId":0,"udfPath":"m:f","args":{}}',
    '{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1,"modifications":[{"type":"Change","queryId":0}]}',
    '{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1,"modifications":[{"type":"Add","queryId":0.5}]}',
    '{"type":"Connect","sessionId":7}',
    '{"type":"Mutation","requestId":0,"udfPath":"m:f","args":' + "[" * 100_000,
]


@pytest.mark.parametrize(("text", "message"), READ)
def test_what_clients_send_is_read(text: str, message: object) -> None:
    assert read_message(text) == message


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_message_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ProtocolError, match="a message"):
        read_message(text)


@given(
    st.text()
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda each: (
            st.lists(each)
            | st.dictionaries(st.sampled_from(["type", "args", "requestId", "udfPath", "modifications"]), each)
        ),
    ).map(json.dumps)
)
def test_garbage_is_a_message_or_refused(text: str) -> None:
    try:
        read_message(text)
    except ProtocolError:
        return


VERSION, LATER = StateVersion(0, 0, write_ts(0)), StateVersion(1, 0, write_ts(1795416607249000000))
WRITTEN = [
    (
        Transition(VERSION, LATER, [QueryUpdated(0, msgspec.Raw(b"[1.0]"), [], None), QueryRemoved(3)], -5, 7),
        '{"type":"Transition","startVersion":{"querySet":0,"identity":0,"ts":"AAAAAAAAAAA="},"endVersion":{"querySet":1,'
        '"identity":0,"ts":"'
        + write_ts(1795416607249000000)
        + '"},"modifications":[{"type":"QueryUpdated","queryId":0,'
        '"value":[1.0],"logLines":[],"journal":null},{"type":"QueryRemoved","queryId":3}],"clientClockSkew":-5,'
        '"serverTs":7}',
    ),
    (
        Transition(VERSION, VERSION, []),
        (
            '{"type":"Transition","startVersion":{"querySet":0,"identity":0,"ts":"AAAAAAAAAAA="},"endVersion":{"querySet":0,'
            '"identity":0,"ts":"AAAAAAAAAAA="},"modifications":[]}'
        ),
    ),
    (
        Transition(VERSION, VERSION, [QueryFailed(1, "no", ["[LOG] 'a'"], "j", msgspec.Raw(b"null"))]),
        (
            '{"type":"Transition","startVersion":{"querySet":0,"identity":0,"ts":"AAAAAAAAAAA="},"endVersion":{"querySet":0,'
            '"identity":0,"ts":"AAAAAAAAAAA="},"modifications":[{"type":"QueryFailed","queryId":1,"errorMessage":"no",'
            '"logLines":["[LOG] \'a\'"],"journal":"j","errorData":null}]}'
        ),
    ),
    (
        MutationResponse(0, True, msgspec.Raw(b'"id"'), [], write_ts(1)),
        '{"type":"MutationResponse","requestId":0,"success":true,"result":"id","logLines":[],"ts":"AQAAAAAAAAA="}',
    ),
    (
        MutationResponse(1, False, "failed", [], None, msgspec.Raw(b'{"a":1.0}')),
        (
            '{"type":"MutationResponse","requestId":1,"success":false,"result":"failed","logLines":[],"ts":null,'
            '"errorData":{"a":1.0}}'
        ),
    ),
    (
        ActionResponse(2, False, "failed", []),
        '{"type":"ActionResponse","requestId":2,"success":false,"result":"failed","logLines":[]}',
    ),
    (
        AuthError("who?", 1, True),
        '{"type":"AuthError","error":"who?","baseVersion":1,"authUpdateAttempted":true}',
    ),
    (FatalError("no"), '{"type":"FatalError","error":"no"}'),
    (Ping(), '{"type":"Ping"}'),
]


@pytest.mark.parametrize(("message", "text"), WRITTEN)
def test_what_clients_are_sent(message: object, text: str) -> None:
    assert write_message(message) == text.encode()


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300), st.integers(4, 50))
def test_chunks_put_together_are_the_text_and_none_is_too_large(text: str, size: int) -> None:
    chunks = [json.loads(each) for each in write_chunks(text.encode(), size)]
    assert "".join(each["chunk"] for each in chunks) == text
    assert [each["partNumber"] for each in chunks] == list(range(len(chunks)))
    assert {(each["totalParts"], each["transitionId"], each["type"]) for each in chunks} == {
        (len(chunks), str(len(text.encode())), "TransitionChunk")
    }
    assert all(len(each["chunk"].encode()) <= size for each in chunks)


@given(st.integers(0, 2**63 - 1))
def test_timestamps_come_back(ts: int) -> None:
    assert read_ts(write_ts(ts)) == ts


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", "AAAAAAAAAAA", "AAAAAAAAAAAAAAAA", "\ud800", 5, None])
def test_what_is_no_timestamp_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match="no timestamp"):
        read_ts(text)


def test_the_recorded_timestamp_is_read_as_nanoseconds() -> None:
    assert write_ts(0) == "AAAAAAAAAAA="
    assert 1_795_000_000 < read_ts("07p1dOiY6hg=") / 1e9 < 1_796_000_000
