"""Where messages go: files below the home, the terminal, or whatever apprise speaks to. Addresses are secrets: they are never said, logged or kept."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from flows.settings import secret_block
from transforms.domain.errors import SourceRefused, SourceUnavailable
from transforms.domain.instants import iso
from warehouse import raw


class Letter(NamedTuple):
    """One message, addressed. `key` is the same for the same decisions, so that whoever gets it twice can tell."""

    key: str
    subject: str
    body: str
    person: Mapping[str, Any]
    findings: list[str]
    at_us: int


class Channel(Protocol):
    def deliver(self, letter: Letter) -> str:
        """Sends it; what it is called there. Raises `SourceRefused` where another try gives the same, `SourceUnavailable` where it may pass."""
        ...

    def has(self, key: str) -> str | None:
        """What a letter is called there if it surely arrived; None where that cannot be known."""
        ...


class FileChannel:
    """One JSON file a message, named by its key: sent again it is the same file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, letter: Letter) -> str:
        content = {
            "key": letter.key, "to": {name: letter.person[name] for name in ("person_id", "name", "email", "channel")}, "at": iso(letter.at_us),
            "subject": letter.subject, "findings": letter.findings, "body": letter.body,
        }  # fmt: skip
        try:
            raw.write_durably(self._path(letter.key), json.dumps(content, ensure_ascii=False, indent=2).encode())
        except OSError as error:
            raise SourceUnavailable("channel file", seen=f"{self._path(letter.key)}: {error.strerror}", expected="a folder that can be written to") from error
        return self._path(letter.key).name

    def has(self, key: str) -> str | None:
        return self._path(key).name if self._path(key).exists() else None

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


class ConsoleChannel:
    """The terminal, beside the results: standard error."""

    def deliver(self, letter: Letter) -> str:
        print(f"To: {letter.person['person_id']}\nSubject: {letter.subject}\n\n{letter.body}", file=sys.stderr, flush=True)
        return "console"

    def has(self, key: str) -> str | None:
        return None


class AppriseChannel:
    """Mail, chat or a webhook by an apprise address, in which {person_id}, {email} and {channel} stand for the person's own."""

    def __init__(self, name: str, address: str) -> None:
        self._name, self._address = name, address

    def deliver(self, letter: Letter) -> str:
        import apprise  # a second to import: only for who uses it

        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it would name the address
        address = self._addressed(letter.person)
        to = apprise.Apprise()
        if not to.add(address):
            raise SourceRefused(f"channel {self._name}", seen="its address is none that apprise understands", expected="as in mailtos://user:password@example.com?to={email}")
        try:
            is_sent = to.notify(body=letter.body, title=letter.subject, body_format=apprise.NotifyFormat.TEXT, interpret_escapes=False)
        except Exception:  # whatever a service may raise: none of it may show the address
            is_sent = False
        if not is_sent:
            raise SourceUnavailable(f"channel {self._name}", seen="it did not take the message", remedy="it is tried again; see whether the service is there and the address is right")
        return self._name

    def has(self, key: str) -> str | None:
        return None

    def _addressed(self, person: Mapping[str, Any]) -> str:
        names = {name: person[name] for name in ("person_id", "email", "channel")}
        missing = [name for name in names if f"{{{name}}}" in self._address and not names[name]]
        if missing:
            raise SourceRefused(f"channel {self._name}", seen=f"{person['person_id']} has no {missing[0]}", expected="one, in the directory", remedy="give them one there, or another channel")
        address = self._address
        for name, value in names.items():
            address = address.replace(f"{{{name}}}", quote(str(value or ""), safe="@" if name == "email" else ""))
        return address


def channel(name: str, outbox_folder: Path) -> Channel:
    """The channel of that name. Raises `SourceRefused` naming where its address should be."""
    if name == "file":
        return FileChannel(outbox_folder)
    if name == "console":
        return ConsoleChannel()
    variable, stored = f"HANDOFF_CHANNEL_{name.upper().replace('-', '_')}", f"handoff-channel-{name}"
    address = os.environ.get(variable) or (secret_block(stored) if os.environ.get("PREFECT_API_URL") else None)
    if not address or not address.strip():
        remedy = f"set {variable}, or `prefect block create secret` named {stored} with PREFECT_API_URL set"
        raise SourceRefused(f"channel {name}", seen=f"{variable} is not there or empty", expected="an apprise address", remedy=remedy)
    return AppriseChannel(name, address.strip())
