"""The raw store: every landed content unchanged under its hash, with a `.meta` of how it first came. The warehouse can be rebuilt from it."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transforms.domain.errors import RunError

#: Folder of the notes of what is kept and not loaded yet.
_NOTES = "unloaded"


def content_path(raw: Path, sha256: str) -> Path:
    return raw / sha256[:2] / sha256


def meta_path(raw: Path, sha256: str, claim_id: str) -> Path:
    """`<sha>.meta` without a sidecar (claim and content are one), `<sha>.<claim>.meta` with one."""
    return raw / sha256[:2] / (f"{sha256}.meta" if claim_id == sha256 else f"{sha256}.{claim_id[:16]}.meta")


def store(raw: Path, sha256: str, claim_id: str, content: bytes, meta: dict[str, Any]) -> None:
    """Keeps content and meta durably; what is there already stays as it is (the earliest delivery's meta wins)."""
    target = content_path(raw, sha256)
    if not target.exists():
        write_durably(target, content)
    described = meta_path(raw, sha256, claim_id)
    if not described.exists():
        write_durably(described, json.dumps(meta, sort_keys=True).encode())


def load(raw: Path, sha256: str) -> bytes:
    """The content of that hash. Raises `RunError` where it is missing."""
    try:
        return content_path(raw, sha256).read_bytes()
    except OSError as error:
        raise RunError(str(content_path(raw, sha256)), seen=str(error), remedy="restore it from a backup, or deliver the file again") from None


def load_meta(raw: Path, sha256: str, claim_id: str) -> dict[str, Any]:
    """How that claim first came. Raises `RunError` where it is missing."""
    path = meta_path(raw, sha256, claim_id)
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RunError(str(path), seen=str(error), remedy="restore it from a backup, or deliver the file again") from None


def note(raw: Path, claim_id: str, sha256: str) -> None:
    """Notes, before a content is kept, that nobody has loaded it yet."""
    write_durably(_note_path(raw, claim_id), sha256.encode())


def notes(raw: Path) -> list[tuple[str, str]]:
    """(claim, sha256) of what is noted as not loaded yet."""
    return [(path.name, path.read_text(encoding="utf-8")) for path in sorted((raw / _NOTES).glob("[!.]*"))]


def drop_note(raw: Path, claim_id: str) -> None:
    """Takes a note back, durably."""
    path = _note_path(raw, claim_id)
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def remove(raw: Path, sha256: str, claim_id: str) -> None:
    """Takes a claim's meta out, and its content where no other claim is of it: only for what was never loaded."""
    content = content_path(raw, sha256)
    meta_path(raw, sha256, claim_id).unlink(missing_ok=True)
    if not list(content.parent.glob(f"{sha256}*.meta")):
        content.unlink(missing_ok=True)
    if content.parent.exists():
        _sync_folder(content.parent)


def _note_path(raw: Path, claim_id: str) -> Path:
    return raw / _NOTES / claim_id


def metas(raw: Path) -> Iterator[dict[str, Any]]:
    """Every meta in the store, oldest delivery first."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in raw.glob("*/*.meta")]
    yield from sorted(found, key=lambda meta: (meta["recorded_us"], meta["path"], meta["claim_id"]))


def write_durably(path: Path, content: bytes) -> None:
    """Writes under a temporary name, syncs, renames: the file is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.parent / f".{secrets.token_hex(8)}.tmp"
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)  # as the user's umask has it: reports are to be read
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
        _sync_folder(path.parent)
    except BaseException:
        name.unlink(missing_ok=True)
        raise


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
