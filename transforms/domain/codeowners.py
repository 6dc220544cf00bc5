"""Rules of a CODEOWNERS file as an ownership mapping's `match`, and which paths they fit, as GitHub and as GitLab match them.

    codeowners:acme/shop /src/pay/              GitHub: the last rule that fits a path decides
    codeowners:acme/shop [Database] db/         GitLab: the last one of each section does; `[]` is what stands before any section
    codeowners:acme/shop ^[Docs] *.md           an optional section of GitLab's: its owners come after those of the others
    codeowners:acme/shop [Database] !db/seeds/  GitLab: the section says nothing of such a path

Where a rule stands among the others is the mapping's `position`, so that a rule keeps its identity when lines are added above it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from codeowners import path_to_regex

_MATCH = re.compile(r"codeowners:(?P<repository>\S+) (?:(?P<optional>\^?)\[(?P<section>[^\]]*)\] )?(?P<pattern>\S.*)", re.DOTALL | re.IGNORECASE)
_SPACE = re.compile(r"\\(\s)")


class Rule(NamedTuple):
    """One rule. `section` is lower case, '' before any section of GitLab's, None in GitHub's dialect."""

    repository: str
    section: str | None
    is_optional: bool
    pattern: str

    @property
    def is_exclusion(self) -> bool:
        return self.section is not None and self.pattern.startswith("!")

    def fits(self, path: str) -> bool:
        """Whether the pattern fits a path of the repository; an exclusion fits what it excludes."""
        found = _compiled(self.pattern.removeprefix("!") if self.is_exclusion else self.pattern, self.section is not None)
        return found is not None and found.search(path.removeprefix("./").lstrip("/")) is not None


def write(rule: Rule) -> str:
    """The `match` of a rule."""
    section = "" if rule.section is None else f"{'^' if rule.is_optional else ''}[{rule.section}] "
    return f"codeowners:{rule.repository} {section}{rule.pattern}"


@lru_cache(maxsize=65_536)
def read(match: str) -> Rule | None:
    """The rule of a `match`; None for one of any other kind."""
    found = _MATCH.fullmatch(match.strip())
    if found is None:
        return None
    section = found["section"]
    return Rule(found["repository"], None if section is None else section.strip().lower(), bool(found["optional"]), found["pattern"].strip())


def check(pattern: str, is_gitlab: bool) -> None:
    """Raises ValueError `bad_pattern: …` for a pattern that fits nothing as it is written."""
    if _compiled(pattern.removeprefix("!") if is_gitlab else pattern, is_gitlab) is None:
        raise ValueError(f"bad_pattern: {pattern!r} cannot be read as a pattern of paths")


@lru_cache(maxsize=65_536)
def _compiled(pattern: str, is_gitlab: bool) -> re.Pattern[str] | None:
    plain = _SPACE.sub(r"\1", pattern)
    if plain.startswith("\\#"):
        plain = plain[1:]
    if not plain.strip("/"):
        # The root itself: every path for GitLab, a pattern without a name and so none for GitHub.
        return re.compile("") if is_gitlab and plain else None
    try:
        return re.compile(_of_gitlab(plain)) if is_gitlab else path_to_regex(plain)
    except (ValueError, re.error):
        return None


def _of_gitlab(pattern: str) -> str:
    """Ruby's File.fnmatch with FNM_PATHNAME and FNM_DOTMATCH, of the pattern as GitLab completes it, on a path without its leading slash."""
    if pattern == "*":
        return ""
    whole = pattern if pattern.startswith("/") else f"/**/{pattern}"
    if whole.endswith("/"):
        whole += "**/*"
    rest, regex = whole.removeprefix("/"), r"\A"
    while rest:
        if rest.startswith("**/"):
            regex, rest = regex + "(?:[^/]+/)*", rest.lstrip("*").removeprefix("/")
        elif rest[0] == "*":
            regex, rest = regex + "[^/]*", rest.lstrip("*")
        elif rest[0] == "?":
            regex, rest = regex + "[^/]", rest[1:]
        elif rest[0] == "\\" and len(rest) > 1:
            regex, rest = regex + re.escape(rest[1]), rest[2:]
        elif rest[0] == "[" and "]" in rest[2:]:
            inside, _, rest = rest[1:].partition("]")
            negated = inside.startswith(("!", "^"))
            members = re.escape(inside[negated:]).replace("\\-", "-")
            regex += f"(?!/)[{'^' if negated else ''}{members}]"
        else:
            regex, rest = regex + re.escape(rest[0]), rest[1:]
    return regex + r"\Z"
