"""Dispatch: notices, digests and escalations, from the published copy."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows import dispatching, settings
from flows.orchestration import as_task, emit, show_table
from warehouse.home import Home


@flow(name="dispatch-notifications", persist_result=False)
def dispatch_notifications(home: str | None = None, apply: bool = False, wait_seconds: float = 0) -> None:
    """Says to people what is due to be said, each once. Fails where one of the messages could not be sent.

    Args:
        home: Where the published copy and the outbox are [$HANDOFF_HOME, else ./.handoff].
        apply: Whether to send; without it, what would be sent is shown.
        wait_seconds: How long to wait for another one that is sending.
    """
    place = Home(settings.home_folder(Path(home) if home else None))
    found: dispatching.Round = as_task(send_messages, place, apply, wait_seconds)
    show_table("dispatch", "Messages sent" if apply else "Messages that would be sent", [step.as_json() for step in found.steps])
    if faulty := {step.channel for step in found.steps if step.fault is not None}:
        emit(place.folder, "dispatch.failed", {"failed": found.counts["failed"], "sent": found.counts["sent"], "channels": sorted(filter(None, faulty))})
    dispatching.require_complete(found)


def send_messages(home: Home, is_applied: bool, wait_seconds: float) -> dispatching.Round:
    """Decides and sends; what cannot be delivered now is left for the next one."""
    return dispatching.send_from(home, is_applied=is_applied, wait_seconds=wait_seconds)
