"""The command line. Results on stdout, progress and errors on stderr; every command has --json; exit codes as in the README."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import typer

from flows import settings
from flows.commands import answer, ask, deliver, keep, operate
from flows.help import App
from flows.printing import print_error
from transforms.domain.errors import HandoffError, RunError, UsageError

settings.quiet()

#: Exit code of what a person ended with Ctrl-C, as shells have it.
_INTERRUPTED = 130
#: DuckDB's words for a machine that does not do its part.
_OF_THE_MACHINE = ("IOException", "FatalException", "OutOfMemoryException")

app = App(
    name="handoff",
    help="Measures, explains and shortens security handoffs: from a finding landing to a named engineer acknowledging it.",
    pretty_exceptions_enable=False,
    epilog="Example: handoff run --landing ./landing && handoff sql 'FROM mart.unrouted_queue'",
)


for module in (operate, ask, answer, deliver, keep):
    app.add_typer(module.app)


def main() -> NoReturn:
    """Entry point of the script `handoff`: every error is one sentence, with --json an object too, and an exit code."""
    try:
        code = app(prog_name="handoff", standalone_mode=False)
        sys.stdout.flush()  # here, where a reader that went away is no error
        if code == _INTERRUPTED:
            print("handoff: interrupted; what was committed stays, the next run goes on from there", file=sys.stderr)
    except Exception as error:
        code = _fail(error)
    except SystemExit as exit_:
        code = 0 if isinstance(exit_.__context__, BrokenPipeError) else exit_.code
    if _is_reader_gone():
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code if isinstance(code, int) else 0)


def _fail(error: Exception) -> int:
    """Says what went wrong; the exit code."""
    if isinstance(error, BrokenPipeError):
        return 0
    if isinstance(error, typer.Abort):
        error = RunError("stdin", seen="it ended before an answer came")
    elif hasattr(error, "format_message"):  # typer's own usage errors
        command = error.ctx.command_path if getattr(error, "ctx", None) else "handoff"
        seen = error.format_message().rstrip(".")
        if seen.startswith("Usage:"):  # a group without a command behind it: its help
            print(seen, file=sys.stderr)
            return UsageError.exit_code
        error = UsageError(command.removeprefix("handoff").strip() or "the command line", seen=seen, remedy=f"see `{command} --help`")
    elif isinstance(error, OSError):
        error = RunError(str(error.filename or "the operating system"), seen=error.strerror or str(error), remedy="see that it is there, may be used, and has room")
    elif type(error).__name__ in _OF_THE_MACHINE and type(error).__module__.endswith("duckdb"):  # by name: only the warehouse imports duckdb
        error = RunError("the database", seen=str(error).splitlines()[0], remedy="see whether disk or memory is full; what was committed stays, the last good copy too")
    if not isinstance(error, HandoffError):
        raise error
    print_error(error, as_json="--json" in sys.argv)
    return error.exit_code


def _is_reader_gone() -> bool:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return True
    return False


if __name__ == "__main__":
    main()
