"""Sidecars: layers, keys, and what dated exports of one source have in common."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.sidecar import Sidecar, read_sidecar, source_of


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fails what does not come back."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"not done within {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_layers_are_merged_key_by_key_the_last_wins():
    found = read_sidecar(
        ("_scan.yaml", "scanner: nessus\nengagement: audit\ntarget: all"), ("a.meta.yaml", "target: web\nscanner: "), ("a.json.meta.yaml", "captured_at: 2026-05-04T12:00:00Z")
    )
    assert found == Sidecar(scanner="nessus", engagement="audit", target="web", captured_at="2026-05-04T12:00:00Z")


def test_an_instant_stays_as_it_was_written():
    assert read_sidecar(("a", "captured_at: 2026-05-04 12:00:00 +02:00")).captured_at == "2026-05-04 12:00:00 +02:00"
    assert read_sidecar(("a", "captured_at: 2026-05-04")).captured_at == "2026-05-04"


def test_a_list_and_a_truth_value():
    found = read_sidecar(("a", "scope: [web, db]\ncomplete: false"))
    assert found.scope == ["web", "db"]
    assert found.complete is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("targte: web", ["a.meta.yaml", "unknown key targte", "target"]),
        ("captured_at: yesterday", ["captured_at", "yesterday"]),
        ("time_zone: Europe/Nowhere", ["time_zone", "Europe/Nowhere", "IANA"]),
        ("capture_channel: rumour", ["capture_channel", "rumour", "code_scan"]),
        ("complete: perhaps", ["complete", "perhaps"]),
        ("- target", ["a.meta.yaml", "no mapping"]),
        ("target: [web", ["a.meta.yaml", "not YAML"]),
        ("target: {a: b}", ["target"]),
        ("scope: {a: b}", ["scope"]),
    ],
)
def test_a_bad_sidecar_names_file_key_and_value(text, words):
    with pytest.raises(FileRejected) as error:
        read_sidecar(("a.meta.yaml", text))
    assert error.value.reason == "sidecar"
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "target:\n", "---\n"])
def test_a_sidecar_that_says_nothing_is_none(text):
    assert read_sidecar(("a", text)).digest is None


def test_the_digest_is_of_the_values_not_of_the_writing():
    one, other = read_sidecar(("a", "target: web\nscanner: zap")), read_sidecar(("b", 'scanner: "zap"'), ("c", "{target: 'web'}"))
    assert one.digest == other.digest is not None
    assert read_sidecar(("a", "target: web\nscanner: zap\ncomplete: true")).digest == one.digest
    assert read_sidecar(("a", "target: web")).digest != one.digest


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("assets/assets.csv", "assets/assets"),
        ("assets/assets-2026-05-04.csv", "assets/assets"),
        ("assets/2026-05-04_assets.csv", "assets/assets"),
        ("assets/assets_20260504T120000Z.csv", "assets/assets"),
        ("assets/assets.2026-05-04.csv.gz", "assets/assets"),
        ("assets/assets-9f86d081884c7d65.csv", "assets/assets"),
        ("people/eu/people-01.csv", "people/eu/people"),
        ("people/us/people-01.csv", "people/us/people"),
        ("scans/web scan 3.json", "scans/web-scan"),
        ("scans/20260504.json", "scans/"),
        ("scan.json", "scan"),
    ],
)
def test_dated_exports_of_one_source_follow_one_another(path, source):
    assert source_of(path) == source


@pytest.mark.parametrize("name", ["20260504120000123456x", "0a" * 200 + "zz", "1" * 200 + "g", "a" * 300 + "!"])
def test_no_file_name_takes_long(name):
    with within(1):
        source_of(f"scans/{name}.json")


def test_a_message_stays_short_however_aliases_multiply():
    lines = [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10) if n else 'x'}]" for n in range(5)]
    with pytest.raises(FileRejected) as error:
        read_sidecar(("a.meta.yaml", "scanner:\n" + "\n".join(lines)))
    assert len(str(error.value)) < 1000


def test_depth_is_refused():
    with pytest.raises(FileRejected):
        read_sidecar(("a.meta.yaml", "target: " + "[" * 3000))
