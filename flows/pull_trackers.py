"""Pull: what is new in the connected trackers, into the landing zone. The next run of the job reads it."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows import pulling, settings
from flows.connections import file_of
from flows.orchestration import as_task, show_table
from warehouse.home import Home


@flow(name="pull-trackers", persist_result=False)
def pull_trackers(
    landing: str | None = None, home: str | None = None, connections: str | None = None, names: str | None = None, wait_seconds: float = 0
) -> None:
    """Brings what changed in the trackers since the last pull into the landing zone. Fails where one of them could not be read to its end.

    Args:
        landing: Folder that the job reads [./landing].
        home: Where the cursors are kept [$HANDOFF_HOME, else ./.handoff].
        connections: YAML file of the connections [connections.yaml of the home, else of the working folder].
        names: Connections to pull, separated by commas [all].
        wait_seconds: How long to wait for another pull of the same connection.
    """
    folder = settings.home_folder(Path(home) if home else None)
    file = file_of(Path(connections) if connections else None, folder)
    done: list[pulling.Pulled] = as_task(pull_connections, Path(landing or "./landing"), Home(folder), file, pulling.names_of(names), wait_seconds)
    show_table("pulled", "What the pull brought", [row.as_json() for row in done])
    pulling.require_complete(done)


def pull_connections(landing: Path, home: Home, connections: Path, names: list[str] | None, wait_seconds: float) -> list[pulling.Pulled]:
    """Pulls every connection; each tries again by itself what may pass."""
    return pulling.pull(landing, home, connections, names, wait_seconds=wait_seconds)
