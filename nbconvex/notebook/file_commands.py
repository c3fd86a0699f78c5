"""`%convex files`, `%convex upload` and `%convex snippet`: the notebook's files.

Owns:  the commands, and the code for web pages that upload with progress.
Must not know: IPython; how files are stored.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any, Final

from nbconvex.errors import CallerError
from nbconvex.functions.command_words import unquoted
from nbconvex.notebook.card import Code, Lines, Listing
from nbconvex.notebook.command_table import argument, command
from nbconvex.notebook.session import Session
from nbconvex.notebook.sizes import shown_size

#: Files that `%convex files` shows unless told otherwise.
FILES_SHOWN: Final = 100

_UPLOAD: Final = """\
// Sends a file and tells how far it has come; resolves to its storageId. `uploadUrl` is what a mutation of yours
// returns that calls ctx.storage.generate_upload_url(). `signal` is an AbortController's, for a cancel button.
function uploadFile(uploadUrl, file, onProgress = () => {}, signal) {
  return new Promise((resolve, reject) => {
    // Not fetch: it does not tell how much of a body has been sent.
    const request = new XMLHttpRequest();
    request.open("POST", uploadUrl);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.upload.onprogress = (event) => onProgress(event.loaded, event.total);
    request.onload = () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* not ours: a proxy's page */ }
      if (request.status === 200) resolve(answer.storageId);
      else reject(new Error(answer.message || `The server answered ${request.status}.`));
    };
    request.onerror = () => reject(new Error("The server cannot be reached."));
    request.onabort = () => reject(new DOMException("The upload was cancelled.", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

// For example, with the official client:
//   const uploadUrl = await client.mutation(api.storage.generate_upload_url, {});
//   const storageId = await uploadFile(uploadUrl, file, (sent, all) => { bar.max = all; bar.value = sent; });
//   await client.mutation(api.storage.save_file, { storageId, filename: file.name, contentType: file.type });
"""
SNIPPETS: Final = {"upload": _UPLOAD}


@command(
    "files",
    "The files that are stored: ids, sizes, types.",
    argument("--orphans", action="store_true", help="only files whose ids stand in no document"),
    argument("--why", metavar="TEXT", help="say what an id or an address is, and why it leads nowhere"),
    argument("--limit", type=int, default=FILES_SHOWN, help=f"how many files ({FILES_SHOWN})"),
)
def _files(session: Session, options: argparse.Namespace) -> Listing | Lines:
    __tracebackhide__ = True
    files = session.backend.files
    if options.why is not None:
        return Lines([("", files.explain(unquoted(options.why)))])
    found = files.orphans() if options.orphans else files.records()
    shown = found[: max(1, options.limit)]
    rows = [
        [each.file_id, shown_size(each.size), each.content_type or "", _time(each.created_ms), each.digest.hex()[:12]]
        for each in shown
    ]
    total = shown_size(files.size_bytes())
    counted = f"{len(shown):,} of {len(found):,}" if len(shown) < len(found) else f"{len(found):,}"
    title = f"files in no document: {counted}" if options.orphans else f"files: {counted}, {total} on disk"
    return Listing(
        title, ["storageId", "size", "type", "stored", "sha256"], rows,
        empty="Each file stands in some document." if options.orphans and files.records() else
        'No files yet: files.store("photo.png"), or %convex upload.',
        numeric=[False, True],
    )  # fmt: skip


@command(
    "upload",
    "A panel that takes files from your browser, with progress; nbconvex.upload(...) is the same from code.",
    argument("--accept", default="", metavar="TYPES", help="what the dialogue offers: image/*,.pdf"),
    argument("--into", metavar="NAME", help="bind the panel to this name: NAME.files are the files that arrived"),
)
def _upload(session: Session, options: argparse.Namespace) -> Any:
    __tracebackhide__ = True
    from nbconvex.notebook.upload import offer_upload

    if options.into and not options.into.isidentifier():
        raise CallerError(f"--into wants a name, not {options.into!r}.")
    panel = offer_upload(session, accept=unquoted(options.accept))
    if options.into:
        session.shell.push({options.into: panel})
    return panel


@command(
    "snippet",
    "Code for a web page: `upload` sends a file and tells how far it has come.",
    argument("name", nargs="?", help=", ".join(SNIPPETS)),
)
def _snippet(_session: Session, options: argparse.Namespace) -> Lines | Code:
    __tracebackhide__ = True
    if options.name is None:
        return Lines([("", f"%convex snippet {name}") for name in SNIPPETS])
    if options.name not in SNIPPETS:
        raise CallerError(f"there is no snippet {options.name!r}. There are: {', '.join(SNIPPETS)}.")
    return Code(SNIPPETS[options.name])


def _time(ms: float) -> str:
    return f"{datetime.fromtimestamp(ms / 1e3).astimezone():%Y-%m-%d %H:%M:%S}"
