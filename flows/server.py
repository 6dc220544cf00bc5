"""A Prefect server's own interface, as far as setting it up and looking after it needs: Prefect itself takes seconds to import."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from transforms.domain.errors import RunError

#: Its database is locked for a moment, says a server that answers 503; seconds before each other try.
_BUSY_SECONDS = (0.5, 1, 2, 4)
#: A page of the server's: it gives no more at a time.
_PAGE = 200


class Api:
    """The server at `url`. `auth` is USER:PASSWORD of HTTP Basic, as in PREFECT_API_AUTH_STRING; it is never part of a message."""

    def __init__(self, url: str, auth: str | None = None, timeout_seconds: float = 20) -> None:
        self.url = url.rstrip("/")
        user, _, password = (auth or "").partition(":")
        # Neither a proxy nor a .netrc of the environment stands between us and our own server; no connection outlives its answer.
        self._client = httpx.Client(auth=(user, password) if auth else None, timeout=timeout_seconds, trust_env=False, headers={"Connection": "close"})

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's value. Raises `RunError` where there is none, or the server refuses."""
        try:
            for pause in (*_BUSY_SECONDS, None):
                answer = self._client.request(method, f"{self.url}/{path}", json=body)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or pause is None:
                    break
                time.sleep(pause)
        except httpx.HTTPError as error:
            raise RunError(self.url, seen=f"it does not answer ({type(error).__name__})", expected="a Prefect server") from None
        if answer.status_code in (401, 403):
            raise RunError(self.url, seen="it does not accept who asks", expected="USER:PASSWORD of that server in PREFECT_API_AUTH_STRING")
        if answer.is_error:
            raise RunError(self.url, seen=f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise RunError(self.url, seen=f"{method} {path}: no JSON", expected="a Prefect server's address, ending in /api") from None

    def is_healthy(self) -> bool:
        try:
            return self._client.get(f"{self.url}/health", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def deployments(self) -> list[dict[str, Any]]:
        return self.call("POST", "deployments/filter", {"limit": _PAGE})

    def automations(self) -> list[dict[str, Any]]:
        return self.call("POST", "automations/filter", {"limit": _PAGE})

    def next_runs(self) -> list[dict[str, Any]]:
        """The scheduled runs that come next, the earliest first: the first of each deployment."""
        state = {"type": {"any_": ["SCHEDULED"]}}
        found = self.call("POST", "flow_runs/filter", {"flow_runs": {"state": state}, "sort": "EXPECTED_START_TIME_ASC", "limit": _PAGE})
        first: dict[str, dict[str, Any]] = {}
        for run in found:
            first.setdefault(run["deployment_id"], run)
        return list(first.values())

    def leaves_late(self, seconds: float) -> bool:
        """Whether a run is late by more than that, and none goes on or is about to; false where the server does not answer."""
        before = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
        late = {"state": {"name": {"any_": ["Late"]}}, "expected_start_time": {"before_": before}}
        going_on = {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}
        try:
            return self._count(late) > 0 and self._count(going_on) == 0
        except RunError:
            return False

    def _count(self, runs: dict[str, Any]) -> int:
        return self.call("POST", "flow_runs/count", {"flow_runs": runs})

    def flow_names(self) -> dict[str, str]:
        return {flow["id"]: flow["name"] for flow in self.call("POST", "flows/filter", {"limit": _PAGE})}


def auth_of_environment() -> str | None:
    return os.environ.get("PREFECT_API_AUTH_STRING") or os.environ.get("PREFECT_SERVER_API_AUTH_STRING") or None
