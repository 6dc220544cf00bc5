"""What deploy/ names exists, and systemd units and Containerfile agree with each other."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
PROGRAM = "/opt/handoff/.venv/bin/handoff"
HARDENED = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "CapabilityBoundingSet": "", "RestrictSUIDSGID": "yes"}


class _Unit(configparser.RawConfigParser):
    def __init__(self, path: Path) -> None:
        super().__init__(strict=True, delimiters=("=",), comment_prefixes=("#",))
        self.optionxform = str  # type: ignore[assignment,method-assign]
        self.read_string(path.read_text(encoding="utf-8"), path.name)


def command_of(unit: Path) -> list[str]:
    return shlex.split(_Unit(unit)["Service"]["ExecStart"])


def container(instruction: str) -> list[str]:
    """What the Containerfile says behind an instruction, lines that are continued joined."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Containerfile").read_text(encoding="utf-8"))
    return [line.removeprefix(instruction).strip() for line in text.splitlines() if line.startswith(f"{instruction} ")]


def command_exists(words: list[str]) -> str | None:
    """None where the command line takes these words; else why not."""
    import typer

    from flows.cli import app

    found = typer.main.get_command(app)
    for place, word in enumerate(words):
        if not hasattr(found, "commands"):
            options = {name for parameter in found.params for name in parameter.opts}
            unknown = [option for option in words[place:] if option.startswith("--") and option not in options]
            return f"no option {unknown}" if unknown else None
        if word not in found.commands:
            return f"no command {word}"
        found = found.commands[word]
    return f"{words} is a group" if hasattr(found, "commands") else None


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_name_commands_that_exist(unit):
    program, *words = command_of(unit)
    assert program == PROGRAM
    assert command_exists(words) is None


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_are_hardened_and_run_as_nobody_special(unit):
    service = _Unit(unit)["Service"]
    assert {name: service.get(name) for name in HARDENED} == HARDENED
    assert (service["User"], service["UMask"]) == ("handoff", "0077")
    assert service["Environment"] == f"HANDOFF_HOME={home_of_container()}"
    written = set(service.get("StateDirectory", "").split())
    assert written <= {"handoff", "handoff/home", "handoff/landing"}
    assert service["WorkingDirectory"] == container("WORKDIR")[0] == "/opt/handoff"


def test_units_are_what_systemd_takes(tmp_path):
    """As they are, but for the program, which is not installed there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for path in (*UNITS, *DEPLOY.glob("*.timer")):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8").replace(PROGRAM, sys.executable), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", *sorted(tmp_path.iterdir())], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def home_of_container() -> str:
    (found,) = re.findall(r"HANDOFF_HOME=(\S+)", container("ENV")[0])
    return found


def test_the_container_does_what_the_units_do():
    assert json.loads(container("CMD")[0]) == command_of(DEPLOY / "handoff-scheduler.service")
    (health,) = container("HEALTHCHECK")
    assert json.loads(health.partition("CMD")[2]) == command_of(DEPLOY / "handoff-watchdog.service")
    assert container("USER") == ["handoff"]
    assert _Unit(DEPLOY / "handoff-watchdog.timer")["Timer"]["Unit"] == "handoff-watchdog.service"


def test_the_container_copies_what_there_is_and_names_no_index():
    sources = [word for line in container("COPY") for word in line.split()[:-1]]
    assert {"requirements.lock", "prefect.yaml", "policy.yaml", "transforms", "warehouse", "expectations", "flows", "deploy"} <= set(sources)
    assert [source for source in sources if not (ROOT / source).exists()] == []
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    assert "://" not in text and "--index" not in text
    assert container("FROM") == ["python:3.13-slim"], "by its name alone"
    assert "--require-hashes" in text


def test_the_page_about_it_names_every_file():
    page = (DEPLOY / "README.md").read_text(encoding="utf-8")
    for path in DEPLOY.iterdir():
        assert f"`{path.name}`" in page or path.name == "README.md" or (path.suffix == ".timer" and f"`{path.suffix}`" in page), path.name


def test_the_operating_page_says_what_there_is():
    """Its automation is one that a server takes; its events are those that are sent, its metrics those that are measured, its schedules those of prefect.yaml."""
    from prefect.events.schemas.automations import AutomationCore

    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert [AutomationCore.model_validate(one).name for one in yaml.safe_load(block)["automations"]] == ["handoff-law-failed"]
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "flows").glob("*.py"))
    sent = set(re.findall(r'emit\([^"]*"([a-z]+\.[a-z_]+)"', code)) | set(re.findall(r'"([a-z]+\.[a-z]+)": "published/', code))
    events = page[page.index("| event |") : page.index("An automation that")]
    assert set(re.findall(r"^\| `handoff\.([a-z._]+)`", events, re.MULTILINE)) == sent and len(sent) == 7
    measured = set(re.findall(r'"(handoff\.[a-z._]+)"', (ROOT / "flows" / "metrics.py").read_text(encoding="utf-8")))
    assert [name for name in measured if f"`{name}`" not in page] == []
    for deployment in yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]:
        flow = deployment["entrypoint"].rpartition(":")[2].replace("_", "-")
        assert deployment["name"] == "part" or flow in page, flow
        for schedule in deployment.get("schedules", []):
            assert f"`{schedule['cron']}`" in page or flow in ("write-report", "dispatch-notifications"), flow


def test_automations_are_those_that_a_server_takes():
    from prefect.events.schemas.automations import AutomationCore, Posture

    found = [AutomationCore.model_validate(one) for one in yaml.safe_load((DEPLOY / "automations.yaml").read_text(encoding="utf-8"))["automations"]]
    assert [one.name for one in found] == ["handoff-zombie", "handoff-stuck-pending"]
    for one in found:
        assert one.enabled and one.trigger.posture == Posture.Proactive
        assert [action.state.value for action in one.actions] == ["CRASHED"]
    assert found[0].trigger.after == {"prefect.flow-run.Running", "prefect.flow-run.heartbeat"}, "a run can be killed before its first heartbeat"
    assert found[0].trigger.within.total_seconds() >= 3 * 30, "three heartbeats may be lost before a run is given up"
