"""The one place that reads the environment and asks the time."""

from __future__ import annotations

import getpass
import gzip
import hashlib
import os
import secrets
import time
import uuid
import warnings
import zlib
from contextlib import suppress
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from transforms.domain.errors import UsageError
from warehouse.home import Home

if TYPE_CHECKING:
    from transforms.domain.policy import Policy

PACKAGES = ("transforms", "warehouse", "expectations", "flows")
#: Characters of a key at least; one that is made has as many bytes.
_KEY_LENGTH = 32
_TOP = Path(__file__).resolve().parent.parent


def home_folder(given: Path | None) -> Path:
    """`--home`, else $HANDOFF_HOME, else ./.handoff."""
    return given or Path(os.environ.get("HANDOFF_HOME") or ".handoff")


def read_policy(path: Path | None) -> Policy:
    """The default policy, overlaid by the user's file. Raises `UsageError` where that cannot be read, `PolicyError` for what it says."""
    from transforms.domain.policy import load_policy  # here as elsewhere below: nobody waits half a second for a command's help

    layers = [("policy.yaml", default_policy_text())]
    return load_policy(*layers, *([read_layer(path)] if path is not None else []))


def read_layer(path: Path) -> tuple[str, str]:
    """The user's policy file by name. Raises `UsageError` where it cannot be read."""
    try:
        return str(path), path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("--policy", seen=f"{path} cannot be read: {getattr(error, 'strerror', None) or error}", expected="a YAML file") from None


def read_file(option: str, path: Path) -> bytes:
    """A file that a person names, unpacked where it is gzip. Raises `UsageError` where it cannot be read."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(option, seen=f"{path} cannot be read: {getattr(error, 'strerror', None) or error}", expected="a file") from None


def redaction_key(folder: Path) -> bytes:
    """The key of the redacted tier's pseudonyms: $HANDOFF_REDACTION_KEY, else the home's key file, made where there is none. Never printed.

    Raises `UsageError` for one that could be guessed, or a file that others may read.
    """
    return _key("redaction key", "HANDOFF_REDACTION_KEY", Home(folder).redaction_key)


def ack_url(given: str | None = None) -> str | None:
    """How people reach the acknowledgement page: `--base-url`, else $HANDOFF_ACK_URL; None where it is said nowhere."""
    return given or os.environ.get("HANDOFF_ACK_URL") or None


def link_key(folder: Path) -> bytes:
    """The key that signs acknowledgement links: $HANDOFF_LINK_KEY, else the home's key file, made where there is none. Never printed.

    Raises `UsageError` for one that could be guessed, or a file that others may read.
    """
    return _key("link key", "HANDOFF_LINK_KEY", Home(folder).link_key)


def _key(what: str, variable: str, path: Path) -> bytes:
    given = os.environ.get(variable)
    if given is None and not path.exists():
        _make_key(what, variable, path)
    if given is None and path.stat().st_mode & 0o077:
        raise UsageError(what, seen=f"{path} can be read by others", expected="mode 0600", remedy=f"chmod 600 {path}")
    key = path.read_text(encoding="utf-8").strip() if given is None else given
    if len(key) < _KEY_LENGTH:
        where = path if given is None else f"${variable}"
        raise UsageError(what, seen=f"{where} has {len(key)} characters", expected=f"at least {_KEY_LENGTH}, chosen at random")
    return key.encode()


def _make_key(what: str, variable: str, path: Path) -> None:
    """A new key file, there whole or not at all: of two processes that make one at once, the first one's is used by both."""
    new = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_KEY_LENGTH))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(new)
    except OSError as error:
        raise UsageError(what, seen=f"{path}: {error.strerror}", expected=f"a home that can be written to, or ${variable}") from None
    finally:
        new.unlink(missing_ok=True)


def desk_url() -> str | None:
    """$HANDOFF_DESK_URL: the address below which `handoff desk` is served, without a slash at its end; None where it is nowhere.

    Raises `UsageError` for what is no address of a page.
    """
    given = os.environ.get("HANDOFF_DESK_URL", "").strip().rstrip("/")
    if not given:
        return None
    try:
        parts = urlsplit(given)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("https", "http", "file") or not (parts.netloc or parts.scheme == "file") or parts.query or parts.fragment:
        raise UsageError("$HANDOFF_DESK_URL", seen=repr(given), expected="the address of a folder, as in https://handoff.example.com/desk")
    return given


def names_channels(policy: Path | None) -> bool:
    """Whether the user's own policy says by which channels people are told. Raises `UsageError` where it cannot be read."""
    import yaml

    stated = yaml.safe_load(read_layer(policy)[1]) if policy is not None else None
    return "channels" in ((stated or {}).get("dispatch") or {})


def default_policy_text() -> str:
    return (_TOP / "policy.yaml").read_text(encoding="utf-8")


def instant(text: str | None, option: str = "--as-of") -> int | None:
    """The instant of an option as microseconds. Raises `UsageError` where it is no instant, or has no zone."""
    from transforms.domain.instants import parse_stamp

    if text is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a zone that dateutil does not know is said, and not passed over
            stamp = parse_stamp(text)
    except Warning:
        raise UsageError(option, seen=f"the zone of {text!r} is not known", expected="Z or an offset, as in 2026-05-04T14:00:00+02:00") from None
    except (ValueError, OverflowError):
        raise UsageError(option, seen=f"{text!r} is no instant", expected="ISO 8601 with a zone, as in 2026-05-04T12:00:00Z") from None
    if stamp.precision != "zoned":
        raise UsageError(option, seen=f"{text!r} has no zone", expected="ISO 8601 with a zone, as in 2026-05-04T12:00:00Z")
    return stamp.us


def now_us() -> int:
    return time.time_ns() // 1_000


def new_run_id() -> str:
    return uuid.uuid4().hex


def identity() -> str:
    """The OS identity behind what a person asserts on the command line."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def secret_block(name: str) -> str | None:
    """The value of a Prefect Secret block; None where there is none, or no server to ask."""
    from prefect.blocks.system import Secret as Block  # Prefect takes seconds to import: only for who uses its blocks

    try:
        return str(Block.load(name).get())
    except Exception:  # whatever the client, its network and the server may raise: none of it may show what it carried
        return None


@cache
def code_version() -> str:
    """Digest of this program's own files and of the format modules that other packages add: another one may read a file otherwise."""
    from transforms.domain.discovery import plugins
    from transforms.formats import FOLDERS

    total = hashlib.sha256()
    for package in PACKAGES:
        root = Path(str(files(package)))
        for path in sorted(root.rglob("*")):
            if path.suffix in (".py", ".sql", ".yaml", ".j2", ".css"):
                total.update(f"{package}/{path.relative_to(root)}".encode())
                total.update(path.read_bytes())
    for folder in FOLDERS.values():
        for point in plugins(folder.__name__):
            spec = find_spec(point.value)
            total.update(f"{point.group}/{point.value} {point.dist.version if point.dist else ''}".encode())
            total.update(Path(spec.origin).read_bytes() if spec and spec.origin else b"")
    return total.hexdigest()


def quiet() -> None:
    """Nothing phones home, no banner, and Prefect keeps its files apart from the user's own."""
    for name, value in {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_HOME": str(Path(os.environ.get("HANDOFF_HOME") or ".handoff").absolute() / "prefect"),
    }.items():
        os.environ.setdefault(name, value)
