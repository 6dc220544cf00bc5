"""Flows without a server: the job runs plainly and Prefect is not even imported; what prefect.yaml says fits the flows."""

from __future__ import annotations

import ast
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flows import run_handoff
from flows.job import STEPS, Options, opened, run
from transforms.domain.errors import LawBroken, LockHeld

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "tests" / "golden" / "scenarios" / "plain_path"
AS_OF = "2026-05-04T12:00:00Z"
CONFIG = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
DEPLOYMENTS = {f"{deployment['entrypoint'].rpartition(':')[2]}-{deployment['name']}": deployment for deployment in CONFIG["deployments"]}


def plain_environment(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HANDOFF_"))} | more


def handoff_run(home: Path, **env: str) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """`handoff run` in a process of its own; what it said, and the top-level modules that it had imported in the end."""
    text = (
        "import sys, json\n"
        "from flows.cli import app\n"
        "try:\n    app(sys.argv[1:], standalone_mode=False)\n"
        "finally:\n    print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    arguments = ["run", "--landing", str(SCENARIO / "landing"), "--home", str(home), "--as-of", AS_OF, "--no-report"]
    done = subprocess.run(
        [sys.executable, "-c", text, *arguments], cwd=home.parent, env=plain_environment(PYTHONPATH=str(ROOT), **env),
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done, set(json.loads(done.stdout.splitlines()[-1]))


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_without_a_server_the_job_is_plain_calls(tmp_path):
    done, modules = handoff_run(tmp_path / "home")
    assert "published" in done.stdout
    assert (tmp_path / "home" / "handoff.duckdb").exists()
    assert "prefect" not in modules
    assert "server" not in done.stderr


def test_with_a_dead_server_it_says_so_and_runs_plainly(tmp_path):
    port = closed_port()
    done, modules = handoff_run(tmp_path / "home", PREFECT_API_URL=f"http://somebody:secret@127.0.0.1:{port}/api")
    assert f"the Prefect server 127.0.0.1:{port} does not answer" in done.stderr
    assert "secret" not in done.stderr
    assert (tmp_path / "home" / "handoff.duckdb").exists()
    assert "prefect" not in modules


def test_a_server_that_never_answers_costs_two_seconds(monkeypatch):
    monkeypatch.setattr(run_handoff, "HEALTH_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert "timed out" in (run_handoff.why_unreachable(f"http://127.0.0.1:{silent.getsockname()[1]}/api") or "")


@pytest.mark.parametrize("url", ["nonsense", "ftp://", "http://[", "http://127.0.0.1:99999/api"])
def test_an_address_that_is_none_is_a_server_that_does_not_answer(url):
    assert run_handoff.why_unreachable(url)


PROFILES = """
active = "ours"
[profiles.ours]
PREFECT_API_URL = "http://127.0.0.1:4200/api"
[profiles.other]
PREFECT_API_URL = "http://127.0.0.1:4300/api"
[profiles.bare]
"""


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({}, "http://127.0.0.1:4200/api"),
        ({"PREFECT_PROFILE": "other"}, "http://127.0.0.1:4300/api"),
        ({"PREFECT_PROFILE": "bare"}, None),
        ({"PREFECT_PROFILE": "missing"}, None),
        ({"PREFECT_API_URL": "http://127.0.0.1:4400/api"}, "http://127.0.0.1:4400/api"),
    ],
)
def test_the_server_of_the_environment_or_else_of_the_profile(tmp_path, monkeypatch, env, url):
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    (tmp_path / "profiles.toml").write_text(PROFILES)
    for name, value in {"PREFECT_HOME": str(tmp_path), **env}.items():
        monkeypatch.setenv(name, value)
    assert run_handoff.configured_api() == url


@pytest.mark.parametrize("text", [None, "", "active = ", "active = 'a'", "active = 'a'\nprofiles = 3", "active = 'a'\n[profiles]\na = 3"])
def test_no_usable_profile_is_no_server(tmp_path, monkeypatch, text):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delenv("PREFECT_PROFILES_PATH", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    if text is not None:
        (tmp_path / "profiles.toml").write_text(text)
    assert run_handoff.configured_api() is None


# The job's seam


def test_every_step_goes_through_the_seam(tmp_path):
    steps = []

    def do(step, *arguments):
        steps.append(step.__name__)
        return step(*arguments)

    summary = run(Options(str(SCENARIO / "landing"), tmp_path / "home", as_of=AS_OF), do)
    assert steps == list(STEPS) == ["open_warehouse", "ingest_landing", "compute_state", "build_marts", "validate_marts", "finish_run", "write_report", "publish_copy"]
    assert (summary.files_new, summary.handoffs) == (16, 11)


def test_a_broken_law_leaves_a_row_and_publishes_nothing(tmp_path):
    def do(step, *arguments):
        result = step(*arguments)
        if step.__name__ == "validate_marts":
            arguments[1].laws_broken.append("a law")
        return result

    with pytest.raises(LawBroken, match="a law"):
        run(Options(str(SCENARIO / "landing"), tmp_path / "home", as_of=AS_OF), do)
    assert not (tmp_path / "home" / "handoff.duckdb").exists()
    with opened(Options("", tmp_path / "home")) as (job, _):
        assert job.connection.execute("SELECT is_published FROM record.run").fetchall() == [(False,)]


def test_files_that_are_still_written_wait_and_the_policy_stays_what_it_is(tmp_path):
    landing, home = tmp_path / "landing", tmp_path / "home"
    (landing / "people").mkdir(parents=True)
    (landing / "people" / "people.csv").write_bytes((SCENARIO / "landing" / "people" / "people.csv").read_bytes())

    def files_new(settle_seconds):
        from flows.job import call, finish_run, ingest_landing

        with opened(Options(str(landing), home)) as (job, summary):
            call(ingest_landing, job, str(landing), summary, settle_seconds)
            finish_run(job)
            return summary.files_new, job.connection.execute("SELECT DISTINCT policy_digest FROM record.run").fetchall()

    assert files_new(3600)[0] == 0
    new, digests = files_new(None)
    assert (new, len(digests)) == (1, 1), "a scheduled run and one by hand are under one policy"


def test_how_many_files_are_read_is_said_while_they_are(tmp_path):
    heard = []
    run(Options(str(SCENARIO / "landing"), tmp_path / "home", as_of=AS_OF, report=False), progress=lambda *words: heard.append(words))
    assert [words[1:] for words in heard if words[0] == "read files"] == [(number, 16) for number in range(17)]


def test_a_second_run_is_refused_by_name(tmp_path):
    options = Options(str(SCENARIO / "landing"), tmp_path / "home")
    with opened(options) as (_, summary), pytest.raises(LockHeld, match=summary.run_id):
        run(options)


# prefect.yaml

#: The policy's reporting_zone, as `handoff serve scheduler` gives it to `prefect deploy`.
ZONE = "{{ $HANDOFF_ZONE }}"


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_deployment_fits_its_flow(name):
    deployment = DEPLOYMENTS[name]
    path, function = deployment["entrypoint"].split(":")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = {node.name.lstrip("_"): node for node in tree.body if isinstance(node, ast.FunctionDef)}
    taken = {argument.arg: ast.unparse(argument.annotation) for argument in functions[function].args.args if argument.annotation}
    assert set(deployment["parameters"]) <= set(taken)
    assert set(taken.values()) <= {"str | None", "str", "bool", "float", "int | None"}, "plain text and numbers, typed"
    assert deployment["description"] and "handoff" in deployment["tags"]
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    assert deployment["work_pool"]["name"] == "handoff"
    assert deployment["work_pool"]["job_variables"]["env"]["DO_NOT_TRACK"] == "1"
    assert deployment["work_pool"]["job_variables"]["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30", "automations.yaml waits for them"
    if "policy" in taken:
        assert deployment["parameters"]["policy"] == "{{ $HANDOFF_POLICY }}", "no run goes by another policy than the others"
    if "settle_seconds" in taken and "landing" in deployment["parameters"]:
        assert deployment["parameters"]["settle_seconds"] == 10, "ruling 4"


def test_what_is_scheduled():
    assert {
        name: (schedule["cron"], schedule["timezone"], schedule.get("active", True)) for name, deployment in DEPLOYMENTS.items() for schedule in deployment.get("schedules", [])
    } == {
        "run_handoff-hourly": ("0 * * * *", "UTC", True),
        "pull_trackers-connected": ("50 * * * *", "UTC", False),
        "dispatch_notifications-people": ("10,25,40,55 * * * *", "UTC", False),
        "sweep_findings-daily": ("30 5 * * *", ZONE, True),
        "maintain_warehouse-daily": ("30 3 * * *", ZONE, True),
        "write_report-weekly": ("45 23 * * 0", ZONE, True),
        "write_report-monthly": ("47 23 L * *", ZONE, True),
        "write_report-quarterly": ("49 23 L 3,6,9,12 *", ZONE, True),
    }


def test_every_flow_has_a_deployment():
    flows = {path.stem for path in (ROOT / "flows").glob("*_*.py") if not path.name.startswith("__")}
    assert flows == {re.fullmatch(r"flows/(\w+)\.py:\1", deployment["entrypoint"])[1] for deployment in DEPLOYMENTS.values()}
