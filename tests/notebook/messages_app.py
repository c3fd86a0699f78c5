"""A small application in cells, for tests of what is done with one."""

from __future__ import annotations

APP = (
    """%%mutation messages
def send(ctx, channel: str, body: str):
    print("sending", body)
    return ctx.db.insert("messages", {"channel": channel, "body": body})

def fail(ctx):
    ctx.db.insert("messages", {"channel": "a", "body": "never"})
    raise ConvexError("no")
""",
    """%%query messages
def newest(ctx, channel: str = "a"):
    return ctx.db.query("messages").filter(lambda d: d["channel"] == channel).order("desc").collect()
""",
    """%%query hidden --internal
def count(ctx):
    return ctx.db.query("messages").count()
""",
)
