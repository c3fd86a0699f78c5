"""`nbconvex`: the command line.

Owns:  the commands' words and options, and what becomes of errors.
Must not know: what a command does.
Invariants: a mistake of the user's ends with a sentence and status 2, a failure with one and status 1; a traceback is
shown only for user code, or for a mistake of ours.
Threads: the main thread.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence

import nbconvex
from nbconvex.cli.checking import run_check
from nbconvex.cli.commands import run_codegen, run_data, run_export, run_function, run_functions, run_import
from nbconvex.cli.printed import complain, tell
from nbconvex.cli.serving import run_serve
from nbconvex.cli.variables import run_env
from nbconvex.errors import ConvexError, NbconvexError, StorageLockedError
from nbconvex.functions.command_words import LineError

_APP = "the app: a notebook (app.ipynb) or a Python file (app.py)"
_DATABASE = "the store; by default the app's name with .duckdb, beside it. Environment: NBCONVEX_DATABASE"


def main(words: Sequence[str] | None = None) -> int:
    """Do what `words` ask for; the status that the process ends with."""
    options = _parser().parse_args(words)
    run: Callable[[argparse.Namespace], int] | None = getattr(options, "run", None)
    if run is None:
        _parser().print_help()
        return 2
    try:
        return run(options)
    except LineError as error:
        complain(str(error))
        return 2
    except ConvexError as error:
        complain(f"ConvexError: {error}")
        return 1
    except NbconvexError as error:
        complain(str(error))
        if isinstance(error, StorageLockedError):
            tell("While it is served there: nbconvex run module:function --url ADDRESS, which %convex url tells.")
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception:
        traceback.print_exc()
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nbconvex", description="A reactive backend in a notebook, and without one.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"nbconvex {nbconvex.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve an app to web pages and clients, without Jupyter")
    serve.add_argument("app", help=_APP)
    serve.add_argument("--watch", action="store_true", help="load the file again whenever it is saved")
    serve.add_argument("--logs", action="store_true", help="print each call, what it printed and how it ended")
    serve.add_argument("--host", default="127.0.0.1", help="the network to bind to; 127.0.0.1 is this machine only")
    serve.add_argument("--port", type=int, default=3210, help="the port of clients; busy pairs move up (3210)")
    serve.add_argument("--site-port", type=int, help="the port of endpoints; by default the next one")
    serve.add_argument("--database", metavar="PATH", help=_DATABASE)
    serve.add_argument("--production", action="store_true", help="keep the texts of errors from clients")
    serve.add_argument("--allow-host", action="append", default=[], metavar="NAME",
                       help="a name that the server answers to besides localhost; may be repeated")  # fmt: skip
    serve.add_argument("--cors-origins", metavar='"ORIGIN ..."', help="whose pages may use endpoints; by default all")
    serve.add_argument("--development-tokens", action="store_true",
                       help="take the tokens of the development issuer on other networks too")  # fmt: skip
    serve.set_defaults(run=run_serve)
    _add_run(commands)
    data = commands.add_parser("data", help="the tables of a store, or the documents of one")
    data.add_argument("store", help="the store (app.duckdb), or the app that it belongs to")
    data.add_argument("table", nargs="?", help="print this table's documents, as JSON lines")
    data.add_argument("--limit", type=int, default=100, help="how many (100)")
    data.add_argument("--newest", action="store_true", help="the newest first")
    data.set_defaults(run=run_data)
    _add_transfer(commands)
    _add_env(commands)
    functions = commands.add_parser("functions", help="what an app offers: functions and endpoints, as JSON lines")
    functions.add_argument("app", help=_APP)
    functions.set_defaults(run=run_functions)
    codegen = commands.add_parser("codegen", help="write the types of an app for a web app")
    codegen.add_argument("app", help=_APP)
    codegen.add_argument("folder", help="the web app's convex folder, in which _generated is to stand")
    codegen.add_argument("--database", metavar="PATH", help=_DATABASE)
    codegen.set_defaults(run=run_codegen)
    check = commands.add_parser("check", help="the checklist of an app: what is wrong, and the cures; 1 if anything is")
    check.add_argument("app", help=_APP)
    check.add_argument(
        "--database", metavar="PATH", help="a store to look at with it; by default an empty one in memory"
    )
    check.set_defaults(run=run_check)
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run", help="run one function of an app and print its value; with --watch, follow a query"
    )
    run.add_argument("function", nargs="?", help="module:function")
    run.add_argument("arguments", nargs="*", metavar="name=value", help="its arguments: Python, JSON or plain text")
    run.add_argument("--app", help=_APP)
    run.add_argument("--url", help="in place of --app: where the app is served. Environment: NBCONVEX_ADMIN_KEY")
    run.add_argument("--database", metavar="PATH", help=_DATABASE)
    run.add_argument("--identity", "--as", metavar="SUBJECT", help="call as this user; by default nobody")
    follow = "of a query: print each new result, also when the app's file has changed; Ctrl+C ends it"
    run.add_argument("--watch", action="store_true", help=follow)
    inline = "in place of a function: Python that reads, such as 'ctx.db.query(\"messages\").count()'"
    run.add_argument("--inline-query", metavar="CODE", help=inline)
    run.set_defaults(run=run_function)


def _add_env(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    env = commands.add_parser("env", help="the variables that functions find in ctx.env")
    env.add_argument("action", choices=["list", "get", "set", "remove"], help="set asks for the value, or takes a pipe")
    env.add_argument("store", help="the store (app.duckdb), or the app that it belongs to")
    env.add_argument("name", nargs="?", help="the variable's name")
    env.add_argument("--from-file", metavar="FILE", help="of set: NAME=value lines, as in .env; all, or the one named")
    env.add_argument("--from-process", action="store_true", help="of set: the value in this process's environment")
    env.set_defaults(run=run_env)


def _add_transfer(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    store = "the store (app.duckdb), or the app that it belongs to"
    data_in = commands.add_parser("import", help="read a file into a store: all of it or nothing")
    data_in.add_argument("file", help="a .csv, .tsv, .jsonl, .json or .parquet, or a snapshot (.zip)")
    data_in.add_argument("store", help=f"{store}; a new one is made")
    data_in.add_argument("--table", help="the table; by default the file's name. A snapshot names its tables itself")
    data_in.add_argument("--append", action="store_true", help="keep the documents that are there")
    data_in.add_argument("--replace", action="store_true", help="delete the documents of the tables that are imported")
    data_in.add_argument("--replace-all", action="store_true", help="delete those of all other tables too")
    data_in.add_argument("--format", help="what is in the file, where its ending does not say it")
    data_in.set_defaults(run=run_import)
    data_out = commands.add_parser("export", help="write a store into a snapshot (.zip), or tables as other files")
    data_out.add_argument("store", help=store)
    data_out.add_argument("file", help="FILE.zip; FILE.jsonl or FILE.parquet of one --table; a folder: all as Parquet")
    data_out.add_argument("--table", help="only this table")
    data_out.add_argument("--include-files", action="store_true", help="files too, in a snapshot")
    data_out.add_argument("--format", help="zip, jsonl, parquet or folder, where the name does not say it")
    data_out.set_defaults(run=run_export)


if __name__ == "__main__":
    sys.exit(main())
