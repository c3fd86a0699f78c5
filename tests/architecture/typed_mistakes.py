"""Mistakes that a type checker finds: each line that has one says which. `test_package.py` compares."""

from __future__ import annotations

from nbconvex import ActionCtx, MutationCtx, QueryCtx, api, cron, http, query, table, v


@query
def reading(ctx: QueryCtx) -> str:
    ctx.db.insert("notes", {})  # wrong: attr-defined
    ctx.run_mutation(api.notes.add)  # wrong: attr-defined
    ctx.scheduler.run_after(0, api.notes.add)  # wrong: attr-defined
    ctx.storage.generate_upload_url()  # wrong: attr-defined
    ctx.db.query("notes").withIndex("by_author")  # wrong: attr-defined
    ctx.db.query("notes").take("ten")  # wrong: arg-type
    return ctx.db.query("notes").first()  # wrong: return-value


def writing(ctx: MutationCtx) -> int:
    ctx.run_action(api.notes.mail)  # wrong: attr-defined
    ctx.storage.store(b"")  # wrong: attr-defined
    return ctx.db.insert("notes", {})  # wrong: return-value


def acting(ctx: ActionCtx) -> None:
    ctx.db.query("notes")  # wrong: attr-defined
    ctx.auth.getUserIdentity()  # wrong: attr-defined


table({"body": v.str()})  # wrong: attr-defined
cron.daily("tidy up", hours=3)  # wrong: call-arg
http.fetch("/notes")  # wrong: attr-defined
