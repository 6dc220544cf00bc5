"""A landing zone → the files in it: folders, archives and sidecars opened, nothing parsed.

A folder or any fsspec URL. Dotfiles, `.part`, `.tmp`, sidecars and files that are still being written are passed over.
"""

from __future__ import annotations

import gzip
import io
import json
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from posixpath import basename
from typing import NamedTuple

import fsspec

from transforms.domain.digests import sha256
from transforms.domain.errors import FileRejected, UsageError
from transforms.domain.instants import to_us
from transforms.domain.sidecar import Sidecar, read_sidecar, source_of
from transforms.intake import FOLDERS

#: A member that grows beyond this, or an archive with more members, is no report.
MAX_MEMBER_BYTES = 2 * 1024**3
MAX_MEMBERS = 100_000
#: A file beyond this is not even opened.
MAX_FILE_BYTES = MAX_MEMBER_BYTES
_SIDECAR_SUFFIX = ".meta.yaml"
_FOLDER_SIDECAR = "_scan.yaml"


class Found(NamedTuple):
    """One content of the landing zone, ready to be claimed. `fault` says why it cannot be opened at all."""

    folder: str
    path: str
    content: bytes
    sha256: str
    sidecar: Sidecar
    source: str
    file_us: int
    fault: str | None = None
    #: What handoff wrote itself.
    is_own: bool = False

    @property
    def claim_id(self) -> str:
        """The content's hash, with the sidecar's where there is one (ruling 4): one that cannot be read is one too."""
        is_sidecar_bad = self.fault is not None and self.fault.startswith("sidecar")
        digest = self.fault if is_sidecar_bad else self.sidecar.digest
        return self.sha256 if digest is None else sha256(f"{self.sha256}:{digest}".encode())


class Problem(NamedTuple):
    """Something in the landing zone that is not a file to claim: said on stderr and in the run's summary."""

    path: str
    message: str


def scan_landing(url: str, *, settle_us: int, now_us: int) -> Iterator[Found | Problem]:
    """Everything in the landing zone, in the order of its paths. Raises `UsageError` where there is none."""
    system, root = open_landing(url)
    yield from _Zone(system, root, settle_us, now_us).files()


def open_landing(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """(file system, folder) of a landing zone. Raises `UsageError` where there is none."""
    try:
        system, root = fsspec.core.url_to_fs(url)
        is_there = system.isdir(root.rstrip("/"))
    except (ValueError, ImportError, OSError) as error:
        raise UsageError("--landing", seen=f"{url}: {error}", expected="a folder or fsspec URL") from None
    if not is_there:
        raise UsageError("--landing", seen=f"{url} is no folder", expected="a folder or fsspec URL", remedy="create it, or mend the path")
    return system, root.rstrip("/")


class _Zone:
    def __init__(self, system, root: str, settle_us: int, now_us: int) -> None:
        self._system, self._root, self._settle, self._now = system, root, settle_us, now_us
        self._texts: dict[str, str | None] = {}

    def files(self) -> Iterator[Found | Problem]:
        for info in self._list(self._root):
            if isinstance(info, Problem):
                yield info
            elif self._is_folder(info) and not basename(info["name"]).startswith("."):
                name = basename(info["name"])
                if name in FOLDERS:
                    yield from self._walk(name, info["name"])
                elif name not in ("incidents", "lessons"):
                    yield Problem(_safe(name), f"folder {_safe(name)}/ is not read; folders are {', '.join(FOLDERS)}")
            elif not _is_ignored(basename(info["name"])):
                yield Problem(_safe(basename(info["name"])), f"it lies outside the folders {', '.join(FOLDERS)} and is not read")

    def _is_folder(self, info: dict) -> bool:
        """A folder, or a link to one: only at the top, where there is no way round in a circle."""
        return info["type"] == "directory" or bool(info.get("islink") and self._system.isdir(info["name"]))

    def _list(self, folder: str) -> Iterator[dict | Problem]:
        try:
            found = sorted(self._system.ls(folder, detail=True, refresh=True), key=lambda info: info["name"])
        except OSError as error:
            yield Problem(_safe(self._relative(folder)), f"the folder cannot be read: {error}")
            return
        yield from found

    def _walk(self, top: str, folder: str) -> Iterator[Found | Problem]:
        for info in self._list(folder):
            if isinstance(info, Problem):
                yield info
                continue
            name = basename(info["name"])
            if _is_ignored(name):
                continue
            if info["type"] == "directory":
                yield from self._walk(top, info["name"])
            elif _is_sidecar(name):
                continue
            elif self._is_inside(info):
                yield from self._file(top, info)
            else:
                yield Problem(_safe(self._relative(info["name"])), "it is not read: a pipe, a device, or a link to a folder or out of the landing zone")

    def _is_inside(self, info: dict) -> bool:
        """Whether it is a file whose bytes lie in the landing zone: who may write here may not read everything that we may."""
        if not info.get("islink"):
            return info["type"] == "file"
        target = Path(info["name"]).resolve()
        return target.is_file() and target.is_relative_to(Path(self._root).resolve())

    def _file(self, top: str, info: dict) -> Iterator[Found | Problem]:
        path = self._relative(info["name"])
        modified = _modified_us(info)
        if modified is not None and self._settle and self._now - modified < self._settle:
            return
        if (size := info.get("size") or 0) > MAX_FILE_BYTES:
            yield Problem(_safe(path), f"too_large: {size:,} bytes, a file may have {MAX_FILE_BYTES:,}; it is not read: split it, or scan in parts")
            return
        try:
            content = self._system.cat_file(info["name"])
        except OSError as error:
            yield Problem(_safe(path), f"the file cannot be read: {error}")
            return
        members = list(_members(basename(path), content))
        inner = {member: body.decode("utf-8", "replace") for member, body, _ in members if member is not None and _is_sidecar(basename(member))}
        for member, body, fault in members:
            if member is None or member not in inner:
                yield self._found(top, path, member, body, fault, inner, modified if modified is not None else self._now)

    def _found(self, top: str, path: str, member: str | None, content: bytes, fault: str | None, inner: dict[str, str], modified: int) -> Found:
        full = _safe(path if member is None else f"{path}!{member}")
        sidecar = Sidecar()
        try:
            layers = self._sidecars(path, self._text)
            # What lies beside a member inside its archive is nearer to it than what lies beside the archive.
            sidecar = read_sidecar(*layers, *(self._sidecars(member, inner.get) if member is not None else ()))
            json.dumps(sidecar.model_dump(), ensure_ascii=False).encode()
        except FileRejected as error:
            fault = fault or str(error)
        except (RecursionError, UnicodeEncodeError) as error:
            sidecar, fault = Sidecar(), fault or f"sidecar: {type(error).__name__}; expected flat text"
        # A member's source is its own name in the archive's folder: two registers in one archive are two sources, packed or not.
        source = sidecar.source or source_of(_safe(path if member is None else f"{path.rpartition('/')[0]}/{member}"))
        return Found(top, full, content, sha256(content), sidecar, source, modified, fault)

    @staticmethod
    def _sidecars(path: str, read: Callable[[str], str | None]) -> list[tuple[str, str]]:
        """(name, text) of the sidecars of a file, weakest first: the nearest folder's, the stem's, the full name's."""
        folder, slash, name = path.rpartition("/")
        names = [f"{folder}{slash}{name.rsplit('.', 1)[0]}{_SIDECAR_SUFFIX}", f"{folder}{slash}{name}{_SIDECAR_SUFFIX}"]
        parents = folder.split("/") if folder else []
        nearest = ("/".join([*parents[:depth], _FOLDER_SIDECAR]) for depth in range(len(parents), -1, -1))
        found = next((name for name in nearest if read(name) is not None), None)
        return [(name, text) for name in dict.fromkeys([*([found] if found else []), *names]) if (text := read(name)) is not None]

    def _text(self, path: str) -> str | None:
        if path not in self._texts:
            try:
                self._texts[path] = self._system.cat_file(f"{self._root}/{path}").decode("utf-8")
            except FileNotFoundError:
                self._texts[path] = None
            except (OSError, UnicodeDecodeError) as error:
                raise FileRejected("sidecar", seen=f"{path} cannot be read: {error}") from None
        return self._texts[path]

    def _relative(self, name: str) -> str:
        return name.removeprefix(self._root).lstrip("/") or "."


def _safe(name: str) -> str:
    """A name as text that can be kept: file names are bytes, and need not be UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name.endswith((".part", ".tmp"))


def _is_sidecar(name: str) -> bool:
    return name.endswith(_SIDECAR_SUFFIX) or name == _FOLDER_SIDECAR


def _modified_us(info: dict) -> int | None:
    modified = info.get("mtime", info.get("LastModified"))
    if modified is None:
        return None
    return to_us(modified) if hasattr(modified, "astimezone") else round(float(modified) * 1_000_000)


def _members(name: str, content: bytes) -> Iterator[tuple[str | None, bytes, str | None]]:
    """(member name, content, fault) of an archive's files; of any other file the file itself."""
    try:
        name = name.lower()
        if content[:2] == b"\x1f\x8b" and not name.endswith((".tar.gz", ".tgz")):
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
                yield None, _bounded(stream), None
        elif content[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
            yield from _unpacked(_zip_members(content))
        elif name.endswith((".tar", ".tar.gz", ".tgz")):
            yield from _unpacked(_tar_members(content))
        else:
            yield None, content, None
    except Exception as error:  # the archive readers raise whatever their decompressors do, ValueError and LZMAError among it
        yield None, content, f"malformed: the archive cannot be opened: {error}"


def _unpacked(members: Iterable[tuple[str, bytes, None]]) -> Iterator[tuple[str, bytes, None]]:
    """The members, those that are gzip themselves unpacked; one that cannot be is the bytes that it is."""
    total = 0
    for name, content, fault in members:
        if content[:2] == b"\x1f\x8b":
            try:
                with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
                    content = _bounded(stream)
            except (OSError, EOFError, zlib.error):
                pass
            total += len(content)
            if total > MAX_MEMBER_BYTES:
                raise FileRejected("too_large", seen=f"more than {MAX_MEMBER_BYTES} bytes when unpacked", remedy="split it")
        yield name, content, fault


def _bounded(stream) -> bytes:
    content = stream.read(MAX_MEMBER_BYTES + 1)
    if len(content) > MAX_MEMBER_BYTES:
        raise FileRejected("too_large", seen=f"more than {MAX_MEMBER_BYTES} bytes when unpacked", remedy="split it")
    return content


def _zip_members(content: bytes) -> Iterator[tuple[str, bytes, None]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        # Links are never followed: a member is its own bytes or nothing.
        files = (info for info in archive.infolist() if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16))
        members = [info for info in files if not _is_ignored(basename(info.filename))]
        if len(members) > MAX_MEMBERS or sum(info.file_size for info in members) > MAX_MEMBER_BYTES:
            raise FileRejected("too_large", seen=f"{len(members)} members, {sum(info.file_size for info in members)} bytes when unpacked")
        for info in sorted(members, key=lambda info: info.filename):
            with archive.open(info) as stream:
                yield info.filename, _bounded(stream), None


def _tar_members(content: bytes) -> Iterator[tuple[str, bytes, None]]:
    total = 0
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for info in archive:
            # Links and devices are never followed: a member is its own bytes or nothing.
            if not info.isfile() or _is_ignored(basename(info.name)):
                continue
            total += info.size
            if total > MAX_MEMBER_BYTES:
                raise FileRejected("too_large", seen=f"more than {MAX_MEMBER_BYTES} bytes when unpacked")
            stream = archive.extractfile(info)
            if stream is not None:
                yield info.name, _bounded(stream), None
