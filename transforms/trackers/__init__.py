"""Activity formats: one module a format, discovered. A module states `NAME`, `TITLE` and

    recognise(head: Head) -> bool
    parse(content: bytes, source: Source) -> Iterator[Fact | Ticket | Note | dict | Reject]

A tracker's module yields facts and tickets in the tracker's own words; `transforms.tracking` makes rows of them by the mapping of the module's name
(`mappings/NAME.yaml`, and policy key `trackers`). A module that knows our own words yields rows itself: columns of the activity table and `pointer`;
with `table: "ticket"` those of the ticket table.
"""

from __future__ import annotations

from types import ModuleType

from transforms.domain.discovery import claimant, discover
from transforms.domain.head import Head
from transforms.domain.mapping import Mapping
from transforms.domain.policy import Policy

CONTRACT = ("NAME", "TITLE", "recognise", "parse")
GENERIC = "generic"


def formats() -> dict[str, ModuleType]:
    """Every activity format by name."""
    return discover(__name__, __path__, CONTRACT)


def reader(head: Head, source: str | None, policy: Policy) -> tuple[ModuleType, str, Mapping | None]:
    """(format, tracker's name, mapping) for a content whose sidecar names `source`. Raises `FileRejected` where no format claims it, or several do.

    A file whose columns the policy names is read by what it says, whatever else it looks like.
    """
    generic = formats()[GENERIC]
    named = {name: mapping for name, mapping in sorted(policy.trackers.items()) if mapping.format == GENERIC and generic.fits(head, mapping)}
    if named:
        name = source if source in named else next(iter(named))
        return generic, source or name, named[name]
    module = claimant(formats(), head, "activity")
    return module, source or module.NAME, policy.mapping_of(source, module.NAME)
