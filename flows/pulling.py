"""Pulling: what is new in a tracker, into the landing zone as files of its own shape. Incremental, resumable, repeatable.

What makes that nothing is missed and nothing doubled:
- A page is a file, in place and synced before the cursor moves past it; its name is its content's hash, so that the same page is the same file.
- The cursor is an instant of the tracker's own clock. A pull begins `overlap` before it, and includes the instant itself.
- Lists in order of change are read on from the newest change of a page, and never by page number through what may move meanwhile. Page
  numbers count only inside one second, and in the last `overlap`: there they are read again until nothing new comes, and by the next pull.
- What an earlier pull landed unchanged is not landed again; where it is all the same, the record knows every event by its id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flows import settings
from flows.client import Client, Outside, Refused
from flows.connections import credential, read_connections
from flows.progress import Lines
from flows.sources import Page, Query, Stream, compact, content_of, streams
from transforms.domain.digests import identifier, sha256
from transforms.domain.errors import RunError, SourceUnavailable, UsageError
from transforms.domain.instants import MICROSECONDS, iso
from transforms.domain.progress import Progress
from warehouse.home import Home
from warehouse.raw import write_durably

#: Readings of what does not stand still: what changes even then is the next pull's.
_ROUNDS = 5
_VERSION = 1


@dataclass
class Pulled:
    """What a pull of one stream did. `fault`: why it did not get to its end; what it landed until then is good."""

    connection: str
    stream: str = ""
    pages: int = 0
    items: int = 0
    items_new: int = 0
    files: int = 0
    cursor: str | None = None
    fault: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class _Known:
    """What is kept of a stream between pulls: cursor, and digests of the items in the overlap before it."""

    scope: str
    cursor_us: int | None = None
    recent: dict[str, int] = field(default_factory=dict)
    etag: tuple[str, str] | None = None


def pull(
    landing: Path, home: Home, connections: Path, names: list[str] | None = None, *, outside: Outside | None = None, wait_seconds: float = 0,
    progress: Progress | None = None,
) -> list[Pulled]:
    """Pulls the connections of a file, all or those named. One that fails takes no other with it: see `fault`.

    Raises `UsageError` for the file, for a landing zone that is none, and `LockHeld` where the same connection is being pulled.
    """
    outside = outside or Outside()
    found = read_connections(connections, names)
    require_folder(landing)
    done: list[Pulled] = []
    for name, connection in found.items():
        with home.lock(settings.new_run_id(), iso(settings.now_us()), wait_seconds, file_name=f"pull.{name}.lock"):
            done += _pull_connection(name, connection, landing, home, outside, progress or Lines())
    return done


def require_folder(landing: Path) -> None:
    if not landing.is_dir():
        raise UsageError("--landing", seen=f"{landing} is no folder", expected="the folder that `handoff run` reads", remedy="create it, or mend the path")


def require_complete(done: Iterable[Pulled]) -> None:
    """Raises `RunError` that names every connection that did not get to its end."""
    faults = [row.fault for row in done if row.fault]
    if faults:
        raise RunError("pull", seen="; ".join(faults), remedy="what was landed stays; the next pull goes on from there")


def _pull_connection(name: str, connection: Any, landing: Path, home: Home, outside: Outside, progress: Progress) -> list[Pulled]:
    done: list[Pulled] = []
    row = Pulled(name)
    try:
        state = _State(home.pulls / f"{name}.json")
        folder = landing / "activity" / (connection.folder or name)
        # Every file of the folder is of one source, whatever its name. ServiceNow's API gives instants in UTC and does not say so.
        zone = "time_zone: UTC\n" if connection.kind == "servicenow" else ""
        _write(folder / "_scan.yaml", f"source: {name}\n{zone}".encode())
        secret = credential(name, connection)
        accept = getattr(connection, "accept", "application/vnd.github+json" if connection.kind == "github" else "application/json")
        with Client(name, connection.url, secret, timeout_seconds=connection.timeout.wall_us() / 1e6, outside=outside, accept=accept) as client:
            for stream in streams(name, connection):
                done.append(row := Pulled(name, stream.name))
                progress(f"pull {name} {stream.name}")
                _Reading(client, stream, connection, folder, state, outside.now, row, progress).run()
    except RunError as error:
        row.fault = str(error)
        if row not in done:
            done.append(row)
    return done


class _State:
    """The cursors of a connection: one small file, replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._streams: dict[str, Any] = {}
        if path.exists():
            try:
                content = json.loads(path.read_bytes())
                if content["version"] != _VERSION:
                    raise ValueError(f"its version is {content['version']}")
                self._streams = dict(content["streams"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise RunError(str(path), seen=f"it cannot be read: {error}", remedy="delete it: the next pull reads from the connection's start, and doubles nothing") from None

    def load(self, stream: Stream) -> _Known:
        """What is known of a stream; nothing where it was asked for something else then, so that what was outside is not missed."""
        kept = self._streams.get(stream.name)
        if not isinstance(kept, dict) or kept.get("scope") != stream.scope:
            return _Known(stream.scope)
        etag = kept.get("etag")
        return _Known(stream.scope, kept.get("cursor_us"), dict(kept.get("recent") or {}), tuple(etag) if etag else None)

    def save(self, stream: Stream, known: _Known) -> None:
        self._streams[stream.name] = {**asdict(known), "cursor": None if known.cursor_us is None else iso(known.cursor_us)}
        content = {"version": _VERSION, "streams": dict(sorted(self._streams.items()))}
        _write(self._path, json.dumps(content, indent=1, sort_keys=True).encode())


class _Reading:
    """One stream, read from its cursor to its end."""

    def __init__(
        self, client: Client, stream: Stream, connection: Any, folder: Path, state: _State, now: Callable[[], float], row: Pulled, progress: Progress
    ) -> None:
        self._client, self._stream, self._folder, self._state, self._now, self._row, self._progress = client, stream, folder, state, now, row, progress
        self._overlap_us, self._start_us, self._page_size = connection.overlap.wall_us(), connection.start, connection.page_size
        self._known = state.load(stream)
        #: Digests of what was landed, with when it last changed; and of what this reading met.
        self._seen, self._met = dict(self._known.recent), set[str]()
        self._newest_us: int | None = None
        self._etag: tuple[str, str] | None = None

    def run(self) -> None:
        try:
            self._read_on()
        finally:
            self._row.cursor = None if self._known.cursor_us is None else iso(self._known.cursor_us)

    def _read_on(self) -> None:
        cursor = self._known.cursor_us
        since = self._start_us if cursor is None else max(cursor - self._overlap_us, self._start_us or 0)
        if self._stream.order == "ascending":
            self._ascending(since)
        else:
            self._newest_first(since)

    def _ascending(self, since: int | None) -> None:
        """Oldest change first: from the newest change that can be relied on in what was read, again and again, until a list's end."""
        is_first = True
        while True:
            reached, is_end = self._stretch(since, is_first)
            if is_end:
                break
            since, is_first = reached, False
            self._advance(since)
        self._finish()

    def _stretch(self, since: int | None, is_first: bool) -> tuple[int | None, bool]:
        """Reads pages until one reaches a later second that can be relied on, or the list ends: (that instant, whether it ended).

        What changed within the overlap before now cannot be relied on for going on: a tracker finds an item by what its index knows of
        it, and gives it as it is now, so that an old item may seem new and what lies between would be passed over.
        """
        for _ in range(_ROUNDS):
            horizon = round(self._now() * MICROSECONDS) - self._overlap_us
            pages, unseen, before = 0, 0, None
            query: Query | None = self._stream.ask(since)
            reached = since
            while query is not None and _second(reached) == _second(since):
                page = self._page(query, is_opening=is_first and pages == 0, is_later=pages > 0)
                if page is None:
                    break  # its place in the list has run out: from this stretch's beginning again
                pages += 1
                stamps = [self._stream.stamp_us(item) for item in page.items]
                before = self._require_order([stamp for stamp in stamps if stamp <= horizon], before)
                unseen += self._land(page.items, stamps)
                reached = max([stamp for stamp in stamps if stamp <= horizon and _second(stamp) > _second(since)], default=reached)
                query = page.next
            else:
                # Several pages of one second, or of what still changes: who leaves the list moves the others up, over a page's border.
                if pages <= 1 or not unseen:
                    return reached, query is None
        if query is not None and _second(reached) == _second(since):
            raise SourceUnavailable(self._row.connection, seen=f"its places in {self._stream.name} ran out {_ROUNDS} times", remedy="the next pull goes on from there")
        return reached, query is None

    def _newest_first(self, since: int | None) -> None:
        """Newest change first, or in no order: every page down to the cursor. What changes meanwhile comes to the front, and is the next pull's."""
        query: Query | None = self._stream.ask(since)
        while query is not None:
            page = self._page(query, is_opening=False, is_later=False)
            assert page is not None
            floor = since if self._stream.order == "descending" else None
            stamps = [self._stream.stamp_us(item) for item in page.items]
            wanted = [(item, stamp) for item, stamp in zip(page.items, stamps, strict=True) if floor is None or stamp >= floor]
            self._land([item for item, _ in wanted], [stamp for _, stamp in wanted])
            query = page.next if wanted or not page.items else None
        self._finish()

    def _page(self, query: Query, *, is_opening: bool, is_later: bool) -> Page | None:
        """A page; None where a later page's place in the list is not known any more."""
        key = identifier(query.path, query.parameters)
        kept = self._known.etag if is_opening else None
        try:
            answer = self._client.get(query.path, query.parameters, etag=kept[1] if kept and kept[0] == key else None)
        except Refused as error:
            if is_later and error.status in (400, 404, 410):
                return None
            raise
        self._row.pages += 1
        self._progress(f"pull {self._row.connection} {self._stream.name}", self._row.pages)
        if answer.is_unchanged:
            self._etag = kept
            return Page([], None)
        page = self._stream.page(answer, query)
        if is_opening and page.next is None and len(page.items) < self._page_size and "ETag" in answer.headers:
            # A page with room: whatever is new would be on it. A full one stays as it is while the next one grows.
            self._etag = (key, answer.headers["ETag"])
        self._row.items += len(page.items)
        return page

    def _require_order(self, stamps: list[int], before: int | None) -> int | None:
        """Raises `RunError` where a list is in no order of change: going on from its newest would pass over the rest."""
        for stamp in stamps:
            if before is not None and _second(stamp) < _second(before):
                raise RunError(
                    self._row.connection, seen=f"{self._stream.name} is not in the order of its changes: {iso(stamp)} comes after {iso(before)}",
                    expected="oldest change first", remedy="mend the stream's sorting, or state order: none",
                )  # fmt: skip
            before = stamp
        return before

    def _land(self, items: list[dict[str, Any]], stamps: list[int]) -> int:
        """Lands what was not landed before; how many items that were."""
        fresh = {identifier(item): (item, stamp) for item, stamp in zip(items, stamps, strict=True)}
        self._met.update(fresh)
        fresh = {digest: pair for digest, pair in fresh.items() if digest not in self._seen}
        if fresh:
            first = min(stamp for _, stamp in fresh.values())
            for name, value in self._stream.files(self._client, [item for item, _ in fresh.values()]):
                content = content_of(value)
                path = self._folder / f"{name}-{compact(first)}-{sha256(content)[:16]}.json"
                if not path.exists():
                    _write(path, content)
                    self._row.files += 1
        self._seen.update({digest: stamp for digest, (_, stamp) in fresh.items()})
        self._newest_us = max([stamp for stamp in (self._newest_us, *stamps) if stamp is not None], default=None)
        self._row.items_new += len(fresh)
        return len(fresh)

    def _advance(self, cursor_us: int | None) -> None:
        """Moves the cursor, never back: everything up to it is landed."""
        known = self._known
        known.cursor_us = max((us for us in (cursor_us, known.cursor_us) if us is not None), default=None)
        known.recent = {digest: stamp for digest, stamp in self._seen.items() if stamp >= (known.cursor_us or 0) - self._overlap_us}
        self._state.save(self._stream, known)

    def _finish(self) -> None:
        """The end of the list was read. What says that it changed in the future does not take the cursor there."""
        self._known.etag = self._etag
        if self._stream.order == "none":
            self._seen = {digest: self._seen[digest] for digest in self._met}
            self._advance(None)
        else:
            now_us = round(self._now() * MICROSECONDS)
            self._advance(None if self._newest_us is None else min(self._newest_us, now_us))


def _second(us: int | None) -> int:
    return -1 if us is None else us // MICROSECONDS


def _write(path: Path, content: bytes) -> None:
    """Writes what is not there already, durably."""
    try:
        if not path.exists() or path.read_bytes() != content:
            write_durably(path, content)
    except OSError as error:
        raise RunError(str(path), seen=f"it cannot be written: {error.strerror}", remedy="what was landed stays; the next pull goes on from there") from error


def names_of(text: str | None) -> list[str] | None:
    """Names of connections from a flow's parameter: separated by commas; None for all."""
    found = [part.strip() for part in (text or "").split(",") if part.strip()]
    return found or None

