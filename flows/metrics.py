"""OpenTelemetry metrics of runs and of what they published. Off, imported by nobody and speaking to nobody, until an OTEL_* variable says where they go.

A run is a short process: it hands over once, at its end, what it counted (as deltas: each process begins at nothing) and what it published.
A collector that is away costs a line on stderr, and never the run.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import settings
from transforms.domain.errors import HandoffError, LawBroken, LockHeld
from warehouse import published
from warehouse.schema import sql_file

if TYPE_CHECKING:
    from flows.job import Summary

#: Seconds: a run over nothing new takes some, one over a year of files takes an hour.
_DURATIONS = (1, 5, 15, 60, 300, 900, 3600)
_UNITS = {"seconds": "s", "rate": "1", "count": "{handoff}"}


def is_on() -> bool:
    """Whether the environment says where metrics go, as OpenTelemetry defines it; unlike there, nothing said is off."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if names := os.environ.get("OTEL_METRICS_EXPORTER", "").strip().lower():
        return names != "none"
    return bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"))


def why_not() -> str | None:
    """Why metrics that are asked for cannot be handed over; None where they can."""
    names = os.environ.get("OTEL_METRICS_EXPORTER", "").strip().lower() or "otlp"
    if unknown := {name.strip() for name in names.split(",")} - {"otlp", "console"}:
        return f"OTEL_METRICS_EXPORTER={','.join(sorted(unknown))} is none of otlp, console, none"
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "http/protobuf"
    if "otlp" in names and protocol != "http/protobuf":
        return f"the protocol {protocol} is not spoken: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf (a collector takes it at port 4318)"
    try:
        import opentelemetry.exporter.otlp.proto.http.metric_exporter
        import opentelemetry.sdk.metrics  # noqa: F401
    except ImportError as error:
        return f"{error.name} is not installed: install opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http"
    return None


@contextmanager
def of_a_run(home: Path) -> Iterator[Callable[[Summary], None]]:
    """Measures one run from here to the end, however that is. Whoever runs says its summary, as far as it comes."""
    if not is_on():
        yield lambda summary: None
        return
    found: list[Summary] = []
    began, outcome = time.monotonic(), "failed"
    try:
        yield found.append
        outcome = "published"
    except LawBroken:
        outcome = "law_failed"
        raise
    except LockHeld:
        outcome = "lock_held"
        raise
    finally:
        _hand_over(lambda meter: _record_run(meter, home, found[0] if found else None, outcome, time.monotonic() - began))


def of_freshness(age_seconds: float, running_seconds: float) -> None:
    """What the watchdog saw: it also sees that no run comes any more."""
    if is_on():
        _hand_over(lambda meter: _record_age(meter, age_seconds, running_seconds))


def _record_run(meter: Any, home: Path, summary: Summary | None, outcome: str, seconds: float) -> None:
    duration = meter.create_histogram("handoff.run.duration", "s", "From the wait for the home to the end of a run.", explicit_bucket_boundaries_advisory=_DURATIONS)
    duration.record(seconds, {"outcome": outcome})
    if summary is not None:
        rows_in = meter.create_counter("handoff.rows.in", "{row}", "Rows of the files that runs took up.")
        rows_in.add(summary.rows_in)
        rows = meter.create_counter("handoff.rows", "{row}", "The same rows by what became of them: new, duplicate, rejected.")
        files = meter.create_counter("handoff.files", "{file}", "Files that runs took up: new, and of these quarantined and held.")
        for outcome_of_row in ("new", "duplicate", "rejected"):
            rows.add(getattr(summary, f"rows_{outcome_of_row}"), {"outcome": outcome_of_row})
        for outcome_of_file in ("new", "quarantined", "held"):
            files.add(getattr(summary, f"files_{outcome_of_file}"), {"outcome": outcome_of_file})
    if outcome == "published":
        _record_published(meter, home)


def _record_published(meter: Any, home: Path) -> None:
    """What the published copy says now. A number that has no value has no point: null is never zero."""
    _record_age(meter, (settings.now_us() - published.as_of_us(home)) / 1e6)
    gauges: dict[str, Any] = {}
    for row in _rows(home, "published/week_numbers.sql"):
        name = f"handoff.{row['number']}"
        gauge = gauges.get(name) or gauges.setdefault(name, meter.create_gauge(name, _UNITS[row["unit"]], "Of the current week, by severity: docs/data_dictionary.md, mart.dashboard."))
        if row["value"] is not None:
            gauge.set(row["value"], {"severity": row["severity"], **({"clock": row["clock"]} if row["clock"] else {})})
    depth = meter.create_gauge("handoff.queue.depth", "{handoff}", "Open handoffs, by what they wait for.")
    for state, number in _rows(home, "published/status_queue.sql")[0].items():
        depth.set(number, {"state": state})
    flags = meter.create_gauge("handoff.flags", "{flag}", "What expectations found, by expectation.")
    for row in _rows(home, "published/flag_counts.sql"):
        flags.set(row["flags"], {"expectation": row["expectation"], "suite": row["suite"], "level": row["level"]})


def _record_age(meter: Any, age_seconds: float, running_seconds: float | None = None) -> None:
    meter.create_gauge("handoff.publication.age", "s", "How long ago the instant is that the published copy is of.").set(age_seconds)
    if running_seconds is not None:
        meter.create_gauge("handoff.lock.held", "s", "For how long the run that is going has held the home; 0 where none is.").set(running_seconds)


def _rows(home: Path, name: str) -> list[dict[str, Any]]:
    columns, rows = published.query(home, sql_file(name))
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _hand_over(record: Callable[[Any], None]) -> None:
    """Has `record` fill in a meter, and hands over what it holds. Whatever goes wrong is said in one line, without the address."""
    fault = why_not()
    if fault is None:
        try:
            fault = _export(record)
        except HandoffError as error:
            fault = str(error)
        except Exception as error:  # whatever an exporter and its network may raise: no run fails for it, and its words may hold the address
            fault = type(error).__name__
    if fault is not None:
        print(f"handoff: metrics were not handed over: {fault}", file=sys.stderr, flush=True)


def _export(record: Callable[[Any], None]) -> str | None:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
    from opentelemetry.sdk.metrics.export import (
        AggregationTemporality,
        ConsoleMetricExporter,
        InMemoryMetricReader,
        MetricExporter,
        MetricExportResult,
    )
    from opentelemetry.sdk.resources import Resource

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # what fails is said once, by us
    is_cumulative = os.environ.get("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "").strip().lower() == "cumulative"
    reader = InMemoryMetricReader({} if is_cumulative else {Counter: AggregationTemporality.DELTA, Histogram: AggregationTemporality.DELTA})
    is_named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    resource = Resource.create({"service.version": metadata.version("handoff"), **({} if is_named else {"service.name": "handoff"})})
    provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    try:
        record(provider.get_meter("handoff"))
        data = reader.get_metrics_data()
    finally:
        provider.shutdown()
    if data is None:
        return None
    exporters: list[MetricExporter] = []
    names = (os.environ.get("OTEL_METRICS_EXPORTER", "").strip().lower() or "otlp").split(",")
    for name in names:
        exporters.append(ConsoleMetricExporter(out=sys.stderr) if name.strip() == "console" else OTLPMetricExporter())
    faults = [type(exporter).__name__ for exporter in exporters if exporter.export(data) is not MetricExportResult.SUCCESS]
    for exporter in exporters:
        exporter.shutdown()
    return f"{', '.join(faults)}: what should take them does not, see OTEL_EXPORTER_OTLP_ENDPOINT" if faults else None
