"""Functions over messages, for tests of sockets."""

from __future__ import annotations

from nbconvex.backend import Backend
from nbconvex.errors import ConvexError


def define_messages(backend: Backend) -> None:
    """What clients call: some of it fails, some is internal."""

    @backend.query(name="m:bodies")
    def bodies(ctx, channel: str = "a"):
        return [each["body"] for each in ctx.db.query("t").collect() if each["channel"] == channel]

    @backend.query(name="m:secret", internal=True)
    def secret(ctx):
        return "secret"

    @backend.query(name="m:page")
    def page(ctx):
        return ctx.db.query("t").paginate(num_items=2, cursor=None)

    @backend.query(name="m:broken")
    def broken(ctx):
        raise ConvexError({"code": 7})

    @backend.mutation(name="m:send")
    def send(ctx, body: str = "x", channel: str = "a"):
        print("sending", body)
        return ctx.db.insert("t", {"body": body, "channel": channel})

    @backend.mutation(name="m:fail")
    def fail(ctx):
        ctx.db.insert("t", {"body": "never", "channel": "a"})
        raise ConvexError("no")

    @backend.action(name="m:repeat")
    async def repeat(ctx, text: str):
        return text

    @backend.action(name="m:double")
    async def double(ctx, n: float):
        return n * 2
