"""The npm package's HTTP client, unmodified, in Node. Its errors and values: test_npm_client.py."""

from __future__ import annotations

import pytest

from tests.server.client_program import node_result

pytestmark = pytest.mark.node


def test_queries_mutations_and_actions_over_http_and_queries_of_one_moment(served, web) -> None:
    told = node_result(web, "http.mjs", served.url)
    assert told["before"] == 0
    assert told["order"] == [0, 1, 2, 3, 4], "one after another, as they were called"
    assert told["consistent"] == [7, 7], "all consistent queries of a client see the moment of its first"
    assert told["now"] == 8
    assert told["action"] == 2
    assert told["withSlash"] == 2, "a path may be spelt with .js"
