"""OpenTelemetry metrics: nothing unless an OTEL_* variable says so; then what a run did and published, at a receiver that speaks OTLP over HTTP."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows import freshness, job, metrics
from transforms.domain.errors import LawBroken, LockHeld, RunError
from warehouse import published
from warehouse.home import Home

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "tests" / "golden" / "scenarios" / "plain_path"
AS_OF = "2026-05-04T12:00:00Z"


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


class Receiver(http.server.ThreadingHTTPServer):
    """Takes what is exported, and keeps it decoded."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths: list[str] = []
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def points(self) -> dict[str, dict[tuple, Any]]:
        """Metric → attributes → data point, of everything that came."""
        found: dict[str, dict[tuple, Any]] = {}
        for metric in self._metrics():
            kind = metric.WhichOneof("data")
            for point in getattr(metric, kind).data_points:
                attributes = tuple(sorted((pair.key, pair.value.string_value) for pair in point.attributes))
                value = point.sum if kind == "histogram" else getattr(point, point.WhichOneof("value"))
                assert attributes not in found.setdefault(metric.name, {}), "each is handed over once"
                found[metric.name][attributes] = value
        return found

    def temporalities(self) -> set[int]:
        return {getattr(metric, kind).aggregation_temporality for metric in self._metrics() if (kind := metric.WhichOneof("data")) != "gauge"}

    def _metrics(self) -> list[Any]:
        return [metric for resource in self._resources() for scope in resource.scope_metrics for metric in scope.metrics]

    def resource(self) -> dict[str, str]:
        return {pair.key: pair.value.string_value for resource in self._resources() for pair in resource.resource.attributes}

    def _resources(self) -> list[Any]:
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

        return [resource for body in self.bodies for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics]


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.paths.append(self.path)  # type: ignore[attr-defined]
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def receiver(monkeypatch) -> Iterator[Receiver]:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http.metric_exporter", reason="the OpenTelemetry SDK is not installed")
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("env", "is_on"),
    [
        ({}, False),
        ({"OTEL_METRICS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, False),
        ({"OTEL_SERVICE_NAME": "handoff"}, False),
        ({"OTEL_METRICS_EXPORTER": "otlp"}, True),
        ({"OTEL_METRICS_EXPORTER": "console"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:4318/v1/metrics"}, True),
    ],
)
def test_only_what_says_where_metrics_go_turns_them_on(monkeypatch, env, is_on):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert metrics.is_on() is is_on


def test_by_default_a_run_speaks_to_nobody_and_imports_no_sdk(tmp_path):
    """Whatever any library of ours would say to another machine: every connection of the process and of those that it starts is refused and noted."""
    (tmp_path / "sitecustomize.py").write_text(
        "import socket\n"
        "def refused(self, address, *more):\n"
        "    if self.family != socket.AF_UNIX:\n"
        f"        open({str(tmp_path / 'spoken')!r}, 'a').write(repr(address) + chr(10))\n"
        "        raise OSError('no')\n"
        "    return real(self, address, *more)\n"
        "real = socket.socket.connect\n"
        "socket.socket.connect = socket.socket.connect_ex = refused\n"
        "socket.getaddrinfo = lambda *a, **k: refused(socket.socket(), a)\n"
    )
    text = (
        "import sys, json\nfrom flows.cli import app\n"
        "try:\n    app(sys.argv[1:], standalone_mode=False)\nfinally:\n    print(json.dumps(sorted(name for name in sys.modules if name.startswith('opentelemetry'))))"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HANDOFF_", "OTEL_"))}
    done = subprocess.run(
        [sys.executable, "-c", text, "run", "--landing", str(SCENARIO / "landing"), "--home", str(tmp_path / "home"), "--as-of", AS_OF],
        cwd=tmp_path, env={**env, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}, capture_output=True, text=True, timeout=600, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1]) == []
    assert not (tmp_path / "spoken").exists(), (tmp_path / "spoken").read_text()
    said = subprocess.run([sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"], env={**env, "PYTHONPATH": str(tmp_path)}, capture_output=True, check=False)
    assert said.returncode == 1 and "127.0.0.1" in (tmp_path / "spoken").read_text(), "it would have been noted"


def test_a_run_hands_over_what_it_did_and_published(tmp_path, receiver, monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    summary = job.run(job.Options(str(SCENARIO / "landing"), tmp_path / "home", SCENARIO / "policy.yaml", AS_OF, report=False))
    assert receiver.paths == ["/v1/metrics"], "once, at its end"
    assert {name: value for name, value in receiver.resource().items() if name in ("service.name", "deployment.environment.name")} == {
        "service.name": "handoff", "deployment.environment.name": "test",
    }  # fmt: skip
    found = receiver.points()
    assert found["handoff.rows.in"][()] == summary.rows_in == sum(found["handoff.rows"].values())
    assert found["handoff.rows"] == {(("outcome", word),): getattr(summary, f"rows_{word}") for word in ("new", "duplicate", "rejected")}
    assert found["handoff.files"][("outcome", "new"),] == summary.files_new > 0
    (duration,) = found["handoff.run.duration"].items()
    assert duration[0] == (("outcome", "published"),) and 0 < duration[1] < 600
    assert receiver.temporalities() == {1}, "deltas: a process that begins at nothing has no other to go on from"

    # The five numbers are those of the published copy: none for null, none beyond it.
    _, rows = published.query(tmp_path / "home", "SELECT number, severity, coalesce(clock, ''), value FROM mart.dashboard WHERE period_grain = 'week' AND failure_mode IS NULL AND value IS NOT NULL")
    five = ("median_handoff_latency", "p90_handoff_latency", "no_acknowledgement_rate", "handoff_sla_breaches", "unrouted_queue_depth")
    sent = {(name, dict(key)["severity"], dict(key).get("clock", "")): value for name in five for key, value in found.get(f"handoff.{name}", {}).items()}
    assert sent == {(name, severity, clock): pytest.approx(value) for name, severity, clock, value in rows} and len(sent) >= 10
    _, ((unrouted,),) = published.query(tmp_path / "home", "SELECT count(*) FROM mart.unrouted_queue")
    assert found["handoff.queue.depth"][("state", "unrouted"),] == unrouted
    assert found["handoff.queue.depth"][("state", "open"),] == summary.open
    assert sum(found["handoff.flags"].values()) == summary.flags
    assert found["handoff.publication.age"][()] > 0
    people = {row[0] for row in published.query(tmp_path / "home", "SELECT person_id FROM mart.person UNION SELECT finding_id FROM mart.finding")[1]}
    assert not people & {value for points in found.values() for attributes in points for _, value in attributes}, "no person and no finding is in a metric"


def test_a_run_that_fails_says_so_too(tmp_path, receiver):
    def do(step, *arguments):
        result = step(*arguments)
        if step.__name__ == "validate_marts":
            arguments[1].laws_broken.append("a law")
        return result

    options = job.Options(str(SCENARIO / "landing"), tmp_path / "home", as_of=AS_OF, report=False)
    with pytest.raises(LawBroken):
        job.run(options, do)
    assert set(receiver.points()["handoff.run.duration"]) == {(("outcome", "law_failed"),)}
    assert "handoff.queue.depth" not in receiver.points(), "nothing was published"
    receiver.bodies.clear()
    with Home(tmp_path / "home").lock("other", AS_OF), pytest.raises(LockHeld):
        job.run(options)
    assert set(receiver.points()["handoff.run.duration"]) == {(("outcome", "lock_held"),)}
    assert "handoff.rows" not in receiver.points()


def test_the_watchdog_tells_the_age_also_where_it_is_too_old(published_home, receiver, tmp_path):
    shutil.copytree(published_home, tmp_path / "home")
    with pytest.raises(RunError, match="at most 1 s old"):
        freshness.watch(tmp_path / "home", 1, 60)
    found = receiver.points()
    assert found["handoff.publication.age"][()] > 86400
    assert found["handoff.lock.held"][()] == 0


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://somebody:secret@127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}, "what should take them does not"),
        ({"OTEL_METRICS_EXPORTER": "prometheus"}, "prometheus is none of otlp, console, none"),
        ({"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "the protocol grpc is not spoken"),
    ],
)
def test_what_cannot_be_handed_over_is_one_line_and_no_fault(published_home, monkeypatch, capfd, env, said):
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http.metric_exporter", reason="the OpenTelemetry SDK is not installed")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert freshness.watch(published_home, 1e9, 60)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("handoff: metrics were not handed over: ") and said in line and "secret" not in line


def test_a_missing_sdk_is_one_line_and_no_fault(published_home, monkeypatch, capfd):
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "console")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.metric_exporter", None)
    assert freshness.watch(published_home, 1e9, 60)
    (line,) = capfd.readouterr().err.splitlines()
    assert "install opentelemetry-sdk" in line
