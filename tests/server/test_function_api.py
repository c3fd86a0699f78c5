"""Calling functions over HTTP: nbconvex.server.function_api."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import replace
from typing import Any

import httpx
import pytest
from convex import ConvexError as ClientConvexError
from convex import ConvexInt64
from convex.http_client import ConvexHttpClient

from nbconvex import Int64
from nbconvex.backend import Backend
from nbconvex.errors import ConvexError
from nbconvex.limits import MIB, Limits
from nbconvex.server.serve import serve
from nbconvex.values.schema import define_schema, table
from nbconvex.values.validators import v

LOSSLESS = "convex_encoded_json"


@pytest.fixture
def app(backend) -> Backend:
    """A few functions of each kind."""

    @backend.query(name="m:echo")
    def echo(ctx, **what):
        return what

    @backend.query(name="m:bodies")
    def bodies(ctx):
        return [each["body"] for each in ctx.db.query("notes").collect()]

    @backend.mutation(name="m:add")
    def add(ctx, body: str) -> None:
        print("adding", body)
        ctx.db.insert("notes", {"body": body})

    @backend.mutation(name="m:refuse")
    def refuse(ctx, **data):
        ctx.db.insert("notes", {"body": "never"})
        raise ConvexError(data)

    @backend.mutation(name="m:fail")
    def fail(ctx):
        raise ValueError("boom")

    @backend.action(name="dir/file:act")
    async def act(ctx, n: float):
        return n + 1

    @backend.query(name="m:hidden", internal=True)
    def hidden(ctx):
        user = ctx.auth.get_user_identity()
        return None if user is None else user.token_identifier

    backend.query(name="file:default")(lambda ctx: "default")
    return backend


def post(http: httpx.Client, endpoint: str, /, **body: Any) -> Any:
    answer = http.post(endpoint, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refusal(answer: httpx.Response) -> tuple[int, str]:
    assert answer.json().keys() == {"code", "message"}
    return answer.status_code, answer.json()["code"]


@pytest.mark.case("errors/http_api_success_shape", "http/api_endpoint_query")
def test_success_has_status_value_and_what_was_printed(app, http) -> None:
    assert post(http, "/api/mutation", path="m:add", args={"body": "it's"}) == {
        "status": "success", "value": None, "logLines": [r"[LOG] 'adding it\'s'"],
    }  # fmt: skip
    answer = http.post("/api/query", json={"path": "m:bodies", "args": {}, "format": LOSSLESS})
    assert answer.text == '{"status":"success","value":["it\'s"]}'
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.case("errors/http_api_error_shape")
def test_failed_function_is_a_200_with_data_only_for_a_convex_error(app, http) -> None:
    failed = post(http, "/api/mutation", path="m:fail", args={})
    assert failed.keys() == {"status", "errorMessage"}
    assert failed["status"] == "error"
    assert "] Server Error\nUncaught ValueError: boom\n" in failed["errorMessage"]
    refused = post(http, "/api/mutation", path="m:refuse", args={"n": 1}, format=LOSSLESS)
    assert refused["errorData"] == {"n": 1.0}
    assert 'Uncaught ConvexError: {"n": 1' in refused["errorMessage"]
    assert post(http, "/api/query", path="m:bodies", args={})["value"] == []


@pytest.mark.parametrize(
    ("endpoint", "path", "message"),
    [
        ("query", "m:none", "Could not find public function for 'm:none'"),
        ("query", "m:hidden", "Could not find public function for 'm:hidden'"),
        ("query", "m:add", "Trying to execute m:add as a query, but it is defined as a mutation"),
        ("mutation", "m:add", "ArgumentValidationError in m:add: "),
    ],
)
@pytest.mark.case("http/api_endpoint_internal")
def test_call_that_cannot_run_is_a_failed_function_too(app, http, endpoint, path, message) -> None:
    failed = post(http, f"/api/{endpoint}", path=path, args={})
    assert failed["errorMessage"].partition("\n")[2].startswith(message)
    assert failed["errorMessage"].startswith("[Request ID: ")


def test_production_tells_strangers_nothing(tmp_path) -> None:
    with Backend.open(production=True) as backend, serve(backend, port=0) as server:
        backend.query(name="m:f")(lambda ctx: 1 // 0)
        failed = httpx.post(f"{server.url}/api/query", json={"path": "m:f", "args": {}}).json()
        assert failed["errorMessage"].endswith("] Server Error")


@pytest.mark.parametrize("path", ["m:echo", "m.js:echo", "m.py:echo"])
@pytest.mark.parametrize("args", [{"a": 1}, [{"a": 1}]])
def test_paths_and_arguments_have_several_spellings(app, http, path, args) -> None:
    assert post(http, "/api/query", path=path, args=args)["value"] == {"a": 1.0}


def test_path_without_a_function_means_the_default_one(app, http) -> None:
    assert post(http, "/api/query", path="file", args={})["value"] == "default"


@pytest.mark.case("http/api_run_endpoint")
def test_run_takes_the_path_from_the_address_and_any_kind(app, http) -> None:
    assert post(http, "/api/run/dir/file/act", args={"n": 1})["value"] == 2.0
    assert post(http, "/api/run/m/bodies")["value"] == []
    assert post(http, "/api/function", path="dir/file:act", args={"n": 2})["value"] == 3.0
    assert refusal(http.post("/api/run/m", json={})) == (400, "MissingIdentifier")


def test_query_can_be_asked_by_address(app, http) -> None:
    answer = http.get("/api/query", params={"path": "m:echo", "args": '{"a":{"$integer":"AQAAAAAAAAA="}}'})
    assert answer.json()["value"] == {"a": "1"}
    assert refusal(http.get("/api/query")) == (400, "BadQueryArgs")
    assert refusal(http.get("/api/query", params={"path": "m:echo", "args": "{"})) == (400, "BadQueryArgs")
    assert refusal(http.get("/api/query", params={"path": "m:echo", "format": "xml"})) == (400, "BadFormat")


@pytest.mark.case("values/int64_json", "values/special_floats_json")
def test_values_go_there_and_back_without_loss(app, http) -> None:
    value = {
        "i": {"$integer": "AQAAAAAAAAA="}, "b": {"$bytes": "ABCD"}, "f": {"$float": "AAAAAAAA8H8="}, "n": 1.0,
        "z": {"$float": "AAAAAAAAAIA="}, "s": "ü", "l": [None, True, {"": 2.5}],
    }  # fmt: skip
    assert post(http, "/api/query", path="m:echo", args=value, format=LOSSLESS)["value"] == value
    clean = post(http, "/api/query", path="m:echo", args=value)["value"]
    assert clean["i"] == "1"
    assert clean["f"] == "Infinity"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"a": {"$integer": "x"}}, "Invalid arguments for m:echo: $integer does not hold base64"),
        ({"a": {"$set": []}}, 'Invalid arguments for m:echo: field name "$set" starts with "$"'),
    ],
)
def test_value_that_is_none_is_a_failed_function(app, http, args, message) -> None:
    failed = post(http, "/api/query", path="m:echo", args=args)
    assert message in failed["errorMessage"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "BadJsonBody"), ({"path": "m:echo"}, "BadJsonBody"), ({"args": {}}, "BadJsonBody"),
        ({"path": 1, "args": {}}, "BadJsonBody"), ({"path": "m:echo", "args": 1}, "BadJsonBody"),
        ({"path": "m:echo", "args": []}, "BadJsonBody"), ({"path": "m:echo", "args": [{}, {}]}, "BadJsonBody"),
        ({"path": "m:echo", "args": None}, "BadJsonBody"),
        ({"path": "m:echo", "args": {}, "format": "xml"}, "BadFormat"),
        ({"path": "m:echo", "args": {}, "format": ["json"]}, "BadFormat"),
        ({"path": "m:echo", "args": {}, "componentPath": "c"}, "BadJsonBody"),
        ({"path": "a b:c", "args": {}}, "BadConvexFunctionIdentifier"),
        ({"path": "", "args": {}}, "BadConvexFunctionIdentifier"),
    ],
)  # fmt: skip
def test_request_that_says_too_little_or_too_much_is_refused(app, http, body, code) -> None:
    assert refusal(http.post("/api/query", json=body)) == (400, code)


def test_body_without_its_content_type_is_refused(app, http) -> None:
    assert refusal(http.post("/api/query", content=b'{"path":"m:echo","args":{}}')) == (400, "BadJsonBody")


def test_deep_arguments_are_refused_and_do_not_break_anything(app, http) -> None:
    for depth in (70, 400, 900, 5_000, 200_000):
        text = b'{"path":"m:echo","args":{"a":' + b"[" * depth + b"]" * depth + b"}}"
        answer = http.post("/api/query", content=text, headers={"Content-Type": "application/json"})
        assert answer.status_code in {200, 400}
        assert "success" not in answer.text


# -- who calls ---------------------------------------------------------------------------------------------------------


@pytest.mark.case("tooling/run_internal")
def test_admin_key_opens_internal_functions_and_acts_as_anybody(app, http) -> None:
    body = {"path": "m:hidden", "args": {}}
    key = app.admin_key
    assert key.startswith("nbconvex|")
    assert http.post("/api/query", json=body, headers={"Authorization": f"Convex {key}"}).json()["value"] is None
    who = base64.b64encode(json.dumps({"issuer": "https://a.example", "subject": "1"}).encode()).decode()
    acting = http.post("/api/query", json=body, headers={"Authorization": f"Convex {key}:{who}"})
    assert acting.json()["value"] == "https://a.example|1"


@pytest.mark.case("auth/handler_not_run_on_bad_token")
@pytest.mark.parametrize("header", ["Bearer x.y.z", "Convex wrong", "Token x"])
def test_caller_who_proves_nothing_runs_nothing(app, http, header) -> None:
    for endpoint in ("mutation", "function", "run/m/add", "query_ts", "query_batch", "query_at_ts"):
        answer = http.post(
            f"/api/{endpoint}", json={"path": "m:add", "args": {"body": "x"}}, headers={"Authorization": header}
        )
        assert answer.status_code == 401
    assert app.database.snapshot.table("notes") is None


def test_header_of_a_jupyter_server_in_front_is_not_for_us(app, http) -> None:
    headers = {"Authorization": "token jupyter", "X-Forwarded-Prefix": "/user/ada/proxy/1"}
    assert http.post("/api/query", json={"path": "m:bodies", "args": {}}, headers=headers).status_code == 200


# -- one timestamp -----------------------------------------------------------------------------------------------------


def test_queries_can_be_asked_at_one_timestamp(app, http) -> None:
    post(http, "/api/mutation", path="m:add", args={"body": "a"})
    ts = http.post("/api/query_ts").json()["ts"]
    post(http, "/api/mutation", path="m:add", args={"body": "b"})
    assert post(http, "/api/query_at_ts", path="m:bodies", args={}, ts=ts)["value"] == ["a"]
    assert post(http, "/api/query_at_ts", path="m:bodies", args=[{}], ts=ts)["value"] == ["a"]
    assert post(http, "/api/query", path="m:bodies", args={})["value"] == ["a", "b"]
    assert post(http, "/api/query_at_ts", path="m:add", args={"body": "c"}, ts=ts)["status"] == "error"


@pytest.mark.parametrize(
    ("ts", "code"),
    [
        (None, "BadJsonBody"), ("x", "BadJsonBody"), (5, "BadJsonBody"), ("/////////38=", "TimestampInFuture"),
        ("AQAAAAAAAAA=", "TimestampTooOld"),
    ],
)  # fmt: skip
def test_timestamp_that_cannot_be_read_is_refused(app, http, ts, code) -> None:
    post(http, "/api/mutation", path="m:add", args={"body": "a"})
    assert refusal(http.post("/api/query_at_ts", json={"path": "m:bodies", "args": {}, "ts": ts})) == (400, code)


def test_batch_is_answered_at_one_timestamp_each_in_its_format(app, http) -> None:
    post(http, "/api/mutation", path="m:add", args={"body": "a"})
    answer = post(
        http, "/api/query_batch",
        queries=[
            {"path": "m:bodies", "args": {}}, {"path": "m:none", "args": {}}, {"path": "m:add", "args": {"body": "b"}},
            {"path": "m:echo", "args": {"a": {"$integer": "AQAAAAAAAAA="}}, "format": LOSSLESS},
        ],
    )  # fmt: skip
    assert [each["status"] for each in answer["results"]] == ["success", "error", "error", "success"]
    assert answer["results"][3]["value"] == {"a": {"$integer": "AQAAAAAAAAA="}}
    assert post(http, "/api/query_batch", queries=[]) == {"results": []}
    assert refusal(http.post("/api/query_batch", json={"queries": {}})) == (400, "BadJsonBody")
    assert refusal(http.post("/api/query_batch", json={"queries": [1]})) == (400, "BadJsonBody")
    many = [{"path": "m:bodies", "args": {}}] * 1_001
    assert refusal(http.post("/api/query_batch", json={"queries": many})) == (400, "TooManyQueries")


# -- the official client -----------------------------------------------------------------------------------------------


def test_official_python_client_calls_functions_of_every_kind(app, server) -> None:
    client = ConvexHttpClient(f"{server.url}/")
    client.mutation("m:add", {"body": "hello"})
    assert client.query("m:bodies") == ["hello"]
    assert client.action("dir/file:act", {"n": 1}) == 2.0
    assert client.query("m:echo", {"i": ConvexInt64(7), "b": b"\x00", "f": float("inf"), "n": 3}) == {
        "i": ConvexInt64(7), "b": b"\x00", "f": float("inf"), "n": 3.0,
    }  # fmt: skip


def test_official_python_client_sees_errors_as_its_own(app, server) -> None:
    client = ConvexHttpClient(server.url)
    with pytest.raises(ClientConvexError) as caught:
        client.mutation("m:refuse", {"why": "full"})
    assert caught.value.data == {"why": "full"}
    with pytest.raises(Exception, match="Could not find public function for 'm:none'"):
        client.query("m:none")
    client.set_auth("no.such.token")
    with pytest.raises(Exception, match="401 InvalidAuthHeader: Could not parse JWT payload"):
        client.query("m:bodies")


# -- limits ------------------------------------------------------------------------------------------------------------


def test_value_of_sixteen_megabytes_goes_there_and_back(app, http) -> None:
    text = "x" * (16 * MIB - 2_000)
    assert post(http, "/api/query", path="m:echo", args={"a": text})["value"] == {"a": text}


def test_body_that_is_too_long_is_refused_and_the_answer_arrives() -> None:
    limits = replace(Limits(), request_bytes=100_000)
    with Backend.open(limits=limits) as backend, serve(backend, port=0) as server:
        for content in (b"x" * 300_000, iter([b"x" * 50_000] * 6)):
            answer = httpx.post(
                f"{server.url}/api/query", content=content,
                headers={"Content-Type": "application/json", "Origin": "https://app.example"},
            )  # fmt: skip
            assert refusal(answer) == (413, "BodyTooLarge")
            assert answer.headers["access-control-allow-origin"] == "https://app.example"


def test_overload_is_answered_at_once_and_other_endpoints_still_answer() -> None:
    gate = threading.Event()
    limits = replace(Limits(), calls_in_flight=3, call_threads=1)
    with Backend.open(limits=limits) as backend, serve(backend, port=0) as server:
        backend.query(name="m:wait")(lambda ctx: gate.wait(10))
        body = {"path": "m:wait", "args": {}}
        answers: list[int] = []

        def ask() -> None:
            answers.append(httpx.post(f"{server.url}/api/query", json=body, timeout=20).status_code)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        while server.service.calls.in_flight < 3:
            threading.Event().wait(0.005)
        refused = httpx.post(f"{server.url}/api/query", json=body, headers={"Origin": "https://app.example"})
        assert refusal(refused) == (503, "TooManyConcurrentRequests")
        assert refused.headers["access-control-allow-origin"]
        assert httpx.get(f"{server.url}/version").status_code == 200
        gate.set()
        for thread in threads:
            thread.join()
        assert answers == [200, 200, 200]


def test_conflict_that_survives_every_try_is_a_503(app, http, monkeypatch) -> None:
    from nbconvex.errors import ConflictError

    def conflicting(*_: object, **__: object) -> None:
        raise ConflictError("notes")

    monkeypatch.setattr(app.database, "commit", conflicting)
    answer = http.post("/api/mutation", json={"path": "m:add", "args": {"body": "x"}})
    assert refusal(answer) == (503, "OptimisticConcurrencyControlFailure")


def test_large_integers_stay_numbers(app, http) -> None:
    text = b'{"path":"m:echo","args":{"a":123456789012345678901234567890}}'
    answer = http.post("/api/query", content=text, headers={"Content-Type": "application/json"})
    assert answer.json()["value"] == {"a": 1.2345678901234568e29}
    assert Int64(1) == Int64(1)


def test_a_vector_search_is_asked_for_over_http(backend, http, site) -> None:
    movies = table({"v": v.array(v.number())}).vector_index("by_v", vector_field="v", dimensions=2)
    backend.push_schema(define_schema({"movies": movies}))

    @backend.mutation(name="m:keep")
    def keep(ctx, vector: list[float]) -> str:
        return ctx.db.insert("movies", {"v": vector})

    @backend.action(name="m:similar")
    async def similar(ctx, vector: list[float]) -> Any:
        return await ctx.vector_search("movies", "by_v", vector=vector)

    @backend.http.get("/similar")
    def endpoint(ctx, request):
        return ctx.vector_search("movies", "by_v", vector=[0, 2], limit=1)

    def ask(kind: str, path: str, vector: list[float]) -> Any:
        return http.post(f"/api/{kind}", json={"path": path, "args": {"vector": vector}, "format": "json"}).json()

    ids = [ask("mutation", "m:keep", vector)["value"] for vector in ([1, 0], [0, 3.5])]
    found = ask("action", "m:similar", [0, 2])
    assert found["value"] == [{"_id": ids[1], "_score": 1.0}, {"_id": ids[0], "_score": 0.0}]
    assert site.get("/similar").json() == found["value"][:1]
    assert (
        "has 2 dimensions, but the vector of this search has 3" in ask("action", "m:similar", [0, 2, 1])["errorMessage"]
    )
