"""Every error that handoff raises on purpose, in one tree.

    HandoffError
    ├── UsageError          exit 2: the command or an argument cannot be meant
    │   └── PolicyError     exit 2: policy.yaml names an unknown key or an impossible value
    ├── RunError            exit 1: the run could not do its work
    │   ├── LockHeld        exit 1: another run holds the home folder
    │   ├── SourceRefused   exit 1: a tracker said no, and would again: a person has to mend the connection
    │   └── SourceUnavailable  exit 1: a tracker did not answer as it should; the next try goes on from there
    ├── LawBroken           exit 3: one of our own laws failed, nothing was published
    ├── FileRejected        a landed file is quarantined, the run goes on
    └── ModuleMalformed     a scanner, mart, suite or section file breaks its contract (a defect of ours)

Each carries what was looked at, what was seen, what would have been valid, and what to do.
"""

from __future__ import annotations


class HandoffError(Exception):
    """An error that says what was seen, what was expected and what to do."""

    exit_code = 1

    def __init__(self, subject: str, *, seen: str, expected: str = "", remedy: str = "") -> None:
        self.subject, self.seen, self.expected, self.remedy = subject, seen, expected, remedy
        super().__init__(str(self))

    def as_json(self) -> dict[str, str | int]:
        return {"subject": self.subject, "seen": self.seen, "expected": self.expected, "remedy": self.remedy, "exit_code": self.exit_code}

    def __reduce__(self) -> tuple:
        # Arguments by name do not survive pickling by themselves, and errors cross process borders.
        return _rebuild, (type(self), dict(self.__dict__))

    def __str__(self) -> str:
        parts = [f"{self.subject}: {self.seen}"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.remedy:
            parts.append(self.remedy)
        return "; ".join(parts)


class UsageError(HandoffError):
    exit_code = 2


class PolicyError(UsageError):
    """A policy that cannot be used; `subject` is FILE:LINE, `seen` names the key."""


class RunError(HandoffError):
    exit_code = 1


class LockHeld(RunError):
    """Another run holds the home folder."""


class SourceRefused(RunError):
    """A tracker that we pull from or write to said no (terminal): another try gives the same answer. Never holds a secret."""


class SourceUnavailable(RunError):
    """A tracker did not answer, or not whole, or asks to wait longer than we do (transient). Never holds a secret."""


class LawBroken(HandoffError):
    """An expectation about our own work failed: nothing is published."""

    exit_code = 3


class FileRejected(HandoffError):
    """A landed file that cannot be used as a whole. `reason` is a short stable word for landed_file.reason."""

    def __init__(self, reason: str, *, seen: str, expected: str = "", remedy: str = "") -> None:
        self.reason = reason
        super().__init__(reason, seen=seen, expected=expected, remedy=remedy)


class ModuleMalformed(HandoffError):
    """A discovered module does not keep its folder's contract."""


def _rebuild(kind: type[HandoffError], state: dict) -> HandoffError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    Exception.__init__(error, str(error))
    return error
