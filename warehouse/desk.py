"""The desk out of a published file: a folder of pages and data that work without a server (transforms/desk makes them)."""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb

from transforms import desk, explanation
from transforms.desk import File
from transforms.domain.errors import RunError, UsageError
from transforms.domain.progress import Progress, nobody
from warehouse import lives
from warehouse.connection import connect
from warehouse.home import Home
from warehouse.published import open_copy
from warehouse.schema import sql_file

#: What a folder has to hold to be taken for an earlier desk, which is replaced.
_MARK = "desk.js"
_HEXADECIMAL = "0123456789abcdef"


class Written(NamedTuple):
    """What was written: the folder, the rows of each page, files and bytes."""

    folder: str
    is_redacted: bool
    rows: dict[str, int]
    files: int
    bytes: int


def write(folder: Path, out: Path, *, is_redacted: bool = False, progress: Progress = nobody) -> Written:
    """Writes the desk of a home's published copy, or of its redacted tier, as folder `out`: there whole or, where something fails, as it was.

    Raises `UsageError` where `out` is something else than an earlier desk, or the home has no such file.
    """
    _require_place(out)
    home = Home(folder)
    with open_copy(folder) as connection:
        about = lives.read_about(connection)
    if is_redacted and not home.redacted.exists():
        raise UsageError("--redacted", seen=f"{home.redacted} is not there", expected="a redacted tier", remedy="`publish: {redacted: true}` in the policy and `handoff run`, or `handoff redact --out`")
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        with connect(home.redacted if is_redacted else home.published, read_only=True) as connection:
            connection.execute("SET enable_external_access = false")
            rows: dict[str, int] = {}
            with _no_collection():
                written = [_put(draft, file) for file in _files(connection, about, rows, progress)]
        draft.chmod(0o755)
        _replace(draft, out)
    except OSError as error:
        raise UsageError("--out", seen=f"{out}: {error.strerror}", expected="a folder that can be written") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Written(str(out), is_redacted, rows, len(written), sum(written))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Nothing here forms cycles: collecting a hundred thousand rows over and over would take a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _require_place(out: Path) -> None:
    if out.exists() and not (out.is_dir() and ((out / _MARK).exists() or not any(out.iterdir()))):
        raise UsageError("--out", seen=f"{out} holds something else than a desk", expected="a new or empty folder, or an earlier desk, which is replaced")


def _replace(draft: Path, out: Path) -> None:
    """Puts the draft in place; who has a page open keeps seeing it, and loads the new data next."""
    if out.exists():
        old = draft.with_name(f"{draft.name}.old")
        out.rename(old)
        draft.rename(out)
        shutil.rmtree(old)
    else:
        draft.rename(out)


def _put(folder: Path, file: File) -> int:
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.content)
    return len(file.content)


def _files(connection: duckdb.DuckDBPyConnection, about: lives.About, rows: dict[str, int], progress: Progress) -> Iterator[File]:
    """Every file of the desk; fills `rows` with the number of rows of each page."""
    is_redacted = lives.is_redacted(connection)
    pages = [page for page in desk.PAGES if not (page.is_full_only and is_redacted)]
    yield from desk.assets()
    yield from desk.shells(pages)
    for page in pages:
        progress(f"desk, {page.name}")
        found = _query(connection, page)
        rows[page.name] = len(found)
        yield from desk.page_data(page, found)
    yield desk.overview(about.as_of, rows, is_redacted)
    yield from _lives(connection, about, rows["findings"], progress)


def _query(connection: duckdb.DuckDBPyConnection, page: desk.Page) -> list[tuple]:
    try:
        result = connection.execute(sql_file(f"desk/{page.name}.sql"))
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        raise RunError("the published copy", seen=f"it is of other code: {str(error).splitlines()[0]}", remedy="publish it again with `handoff run`") from None
    return result.fetchall()


def _lives(connection: duckdb.DuckDBPyConnection, about: lives.About, findings: int, progress: Progress) -> Iterator[File]:
    """The lives of all findings by bucket, some thousands at a time."""
    digits = desk.bucket_digits(findings)
    yield desk.finding_page(digits)
    aliases: dict[str, dict[str, str]] = defaultdict(dict)
    for sighting_id, finding_id in connection.execute(sql_file("desk/alias.sql")).fetchall():
        aliases[desk.bucket(sighting_id, digits)][sighting_id] = finding_id
    done = 0
    for first, last in _ranges(connection, digits):
        told: dict[str, list[explanation.Life]] = defaultdict(list)
        for finding, found in lives.read(connection, first, last):
            told[desk.bucket(finding["finding_id"], digits)].append(explanation.explain(finding, found, about.policy, about.as_of))
            done += 1
        progress("desk, lives", done, findings)
        for name in sorted(told):
            yield desk.lives(name, told[name], aliases.pop(name, {}))
    for name in sorted(aliases):
        yield desk.lives(name, (), aliases[name])


def _ranges(connection: duckdb.DuckDBPyConnection, digits: int) -> list[tuple[str, str]]:
    """Ranges of ids that are read at once: by the first digit, behind the class of a pseudonym where there is one."""
    if digits < 2:
        return [("", "~")]
    prefixes = sorted({text for (text,) in connection.execute("SELECT DISTINCT left(finding_id, length(finding_id) - length(split_part(finding_id, '-', -1))) FROM mart.finding").fetchall()})
    return [(f"{prefix}{digit}", f"{prefix}{digit}~") for prefix in prefixes for digit in _HEXADECIMAL]
