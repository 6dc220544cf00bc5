"""The whole job as one Prefect flow."""

from __future__ import annotations

from flows.job import Options, Summary, run


def run_here_or_on_server(options: Options) -> Summary:
    """Runs the job; as a flow run where a Prefect server is configured, else as plain calls: no server is started for it."""
    return run(options)
