"""CODEOWNERS of GitHub and GitLab: each rule with each of its owners is a mapping, `codeowners:REPOSITORY PATTERN` (transforms/domain/codeowners.py).

Which repository: the sidecar's `target`, else the folder (`people/acme/shop/.github/CODEOWNERS`), else what stands before the word in the file's
name (`shop.CODEOWNERS`). It is compared with the asset's id and names and with the target as scanned. `@org/team` is a team by its last part, `@login` a
person's id or alias, a mail address a person. A rule without owner is a mapping that names nobody. GitLab's dialect shows by sections, exclusions
(`!path`), roles (`@@maintainers`) or the folder `.gitlab`; there `@group` cannot be told from `@user`, and is taken for a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from transforms.domain import codeowners
from transforms.domain.codeowners import Rule
from transforms.domain.delimited import RAW_LIMIT
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject
from transforms.domain.source import Source

NAME = "codeowners"
TITLE = "CODEOWNERS (GitHub, GitLab)"
KIND = "ownership"

_OWNER = re.compile(r"@@?[\w.-]+(?:/[\w.-]+)*(?:\[bot\])?|[^\s@,;:<>\"']+@[^\s@,;:<>\"']+\.[^\s@,;:<>\"']+")
_SECTION = re.compile(r"(?P<optional>\^?)\[(?P<name>[^\]]+)\](?:\[\d+\])?(?P<owners>(?:\s+\S+)*)")
#: A blank that belongs to the pattern stands behind a backslash.
_WORDS = re.compile(r"(?:\\.|\S)+")
_HOMES = (".github", ".gitlab", "docs")
#: Lines looked at to recognise the format.
_SAMPLE = 200


def recognise(head: Head) -> bool:
    """Mostly lines of a pattern and owners, at least one of them with an owner; a pattern never ends in a colon or begins like a tag."""
    if head.is_json_object or head.is_json_list or head.xml_root or b"\0" in head.content[:4096]:
        return False
    lines = [line for line in head.content[:65_536].decode("utf-8", "replace").splitlines() if line.strip() and not line.lstrip().startswith("#")][:_SAMPLE]
    good = owned = 0
    for line in lines:
        if section := _SECTION.fullmatch(line.strip()):
            good, owned = good + 1, owned + bool(_OWNER.search(section["owners"]))
            continue
        pattern, *owners = _words(line)
        if not pattern.endswith(":") and pattern not in ("-", "---") and "," not in pattern and all(_OWNER.fullmatch(owner) for owner in owners):
            good, owned = good + 1, owned + bool(owners)
    return owned > 0 and good * 2 > len(lines)


class _Line(NamedTuple):
    number: int
    text: str
    rule: Rule
    owners: list[str]


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRejected("encoding", seen=f"not UTF-8: {error}", expected="UTF-8") from None
    repository = _repository(source)
    is_gitlab = _is_gitlab(text, source)
    last: dict[Rule, _Line] = {}
    for line in _lines(text, repository, is_gitlab):
        if isinstance(line, Reject):
            yield line
            continue
        # A pattern that stands there again hides the one above it from every path.
        last.pop(line.rule, None)
        last[line.rule] = line
    for position, line in enumerate(last.values(), start=1):
        owners: dict[tuple[str | None, str | None], None] = dict.fromkeys(_owner(owner) for owner in line.owners)
        for number, (person_id, team) in enumerate(owners or {(None, None): None}, start=1):
            yield {
                "pointer": f"line {line.number}" + (f" owner {number}" if len(owners) > 1 else ""),
                "match": codeowners.write(line.rule),
                "person_id": person_id,
                "team": team,
                "position": position,
            }


def _repository(source: Source) -> str:
    if source.target:
        found = source.target.strip()
    else:
        *folders, name = source.path.rpartition("!")[2].split("/")[1:] if "/" in source.path else ["", source.path]
        while folders and folders[-1] in _HOMES:
            folders.pop()
        stem = re.sub(r"[.\-_]?codeowners(\.txt)?$", "", name, flags=re.IGNORECASE)
        found = "/".join(filter(None, (*folders, stem)))
    if not found or re.search(r"\s", found):
        raise FileRejected(
            "no_repository",
            seen=f"nothing says which repository it is of ({found!r})" if not found else f"the repository {found!r} has a blank in it",
            expected="the repository as it is scanned or registered, as in acme/shop",
            remedy="name it as `target` in a sidecar, or put the file into a folder of that name",
        )
    return found


def _is_gitlab(text: str, source: Source) -> bool:
    if "/.gitlab/" in source.path:
        return True
    lines = [line.strip() for line in text.splitlines()]
    return any(_SECTION.fullmatch(line) or line.startswith("!") or " @@" in line for line in lines if not line.startswith("#"))


def _lines(text: str, repository: str, is_gitlab: bool) -> Iterator[_Line | Reject]:
    section, is_optional, defaults = "" if is_gitlab else None, False, []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if is_gitlab and (heading := _SECTION.fullmatch(line)):
            section, is_optional, defaults = heading["name"].strip().lower(), bool(heading["optional"]), _owners(heading["owners"].split())
            continue
        pattern, *words = _words(line)
        try:
            codeowners.check(pattern, is_gitlab)
            if is_gitlab:
                # What is no owner counts for nothing there; a rule without any takes its section's.
                owners = [] if pattern.startswith("!") else _owners(words) or defaults
            else:
                comment = next((place for place, word in enumerate(words) if word.startswith("#")), len(words))
                owners = words[:comment]
                wrong = next((word for word in owners if not _OWNER.fullmatch(word)), None)
                if wrong is not None:
                    raise ValueError(f"bad_owner: {wrong!r}, expected @login, @organization/team or a mail address; the line counts for nothing, as on GitHub")
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            yield Reject(f"line {number}", reason, detail, line[:RAW_LIMIT])
            continue
        yield _Line(number, line, Rule(repository, section, is_optional, pattern), owners)


def _words(line: str) -> list[str]:
    return _WORDS.findall(line)


def _owners(words: list[str]) -> list[str]:
    return [word for word in words if _OWNER.fullmatch(word)]


def _owner(owner: str) -> tuple[str | None, str | None]:
    """(person, team) of an owner as the file writes it."""
    if not owner.startswith("@"):
        return owner, None
    if owner.startswith("@@"):
        return None, None  # a role in the project names nobody
    name = owner.removeprefix("@")
    return (None, name.rpartition("/")[2]) if "/" in name else (name, None)
