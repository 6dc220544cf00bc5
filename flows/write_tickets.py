"""Write back: tickets of open handoffs in the trackers that allow it, from the published copy."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows import pulling, settings, tickets
from flows.connections import file_of
from flows.orchestration import as_task, show_table
from warehouse.home import Home


@flow(name="write-tickets", persist_result=False)
def write_tickets(home: str | None = None, connections: str | None = None, names: str | None = None, apply: bool = False, wait_seconds: float = 0) -> None:
    """Opens and updates tickets of open handoffs. Fails where one of them could not be written.

    Args:
        home: Where the published copy and the outbox are [$HANDOFF_HOME, else ./.handoff].
        connections: YAML file of the connections [connections.yaml of the home, else of the working folder].
        names: Connections to write to, separated by commas [all that allow it].
        apply: Whether to write; without it, what would be written is shown.
        wait_seconds: How long to wait for another one that is writing.
    """
    folder = settings.home_folder(Path(home) if home else None)
    file = file_of(Path(connections) if connections else None, folder)
    steps: list[tickets.Step] = as_task(write_connections, Home(folder), file, pulling.names_of(names), apply, wait_seconds)
    show_table("tickets", "Tickets written" if apply else "Tickets that would be written", [step.as_json() for step in steps])
    tickets.require_complete(steps)


def write_connections(home: Home, connections: Path, names: list[str] | None, is_applied: bool, wait_seconds: float) -> list[tickets.Step]:
    """Writes to every connection; each tries again by itself what may pass."""
    return tickets.write(home, connections, names, is_applied=is_applied, by=settings.identity(), wait_seconds=wait_seconds)
