"""The policy: its defaults, its layers, and errors that name file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from transforms.domain.errors import PolicyError
from transforms.domain.policy import Policy, from_canonical, load_policy

OURS = (Path(__file__).parents[2] / "policy.yaml").read_text(encoding="utf-8")
#: The policy that the contract gives, as it was given.
DESIGN = Path(__file__).parents[1] / "golden" / "policy.yaml"


def load(*texts: str) -> Policy:
    return load_policy(("policy.yaml", OURS), *((f"own{number or ''}.yaml", text) for number, text in enumerate(texts)))


def fault(text: str) -> PolicyError:
    with pytest.raises(PolicyError) as error:
        load(text)
    assert error.value.exit_code == 2
    return error.value


def ours() -> dict:
    """Our defaults without what only a what-if asks for, what is only flagged or compared, what else is to be published and how it is worded: no figure depends on it."""
    found = yaml.safe_load(OURS)
    del found["dispatch"], found["early_warning"], found["publish"], found["report"], found["disagreement"], found["severity"]["drift"]
    return found


def test_every_default_is_that_of_the_design():
    own = ours()
    del own["directory"]  # which the design leaves to its directories
    assert own == yaml.safe_load(DESIGN.read_text(encoding="utf-8"))


def test_every_default_is_that_of_the_reference(reference):
    assert ours() == yaml.safe_load(reference.DEFAULT_POLICY)


def test_every_key_is_optional():
    assert load("") == load("version: 1") == load("# nothing\n") == load()


def test_layers_go_key_by_key_the_last_wins():
    found = load("handoff_sla: {critical: 2bh}\nnoise: {threshold: 5}", "noise: {threshold: 6}")
    assert found.handoff_sla.critical.amount == 2
    assert found.handoff_sla.high == load().handoff_sla.high
    assert (found.noise.threshold, found.noise.repeats) == (6, 3)


def test_calibration_tables_are_overlaid_term_by_term():
    tables = load("severity: {calibration: {Nessus: {' Moderate ': medium}, '*': {low: informational}}}").severity.calibration
    assert tables["nessus"] == {"moderate": "medium"}
    assert tables["*"]["low"] == "informational"
    assert tables["*"]["high"] == "high"


def test_a_calendar_is_replaced_whole():
    found = load("calendars: {default: {windows: ['08:00-12:00'], holidays: [2026-05-01]}}", "calendars: {default: {time_zone: Europe/Berlin}, night: {}}")
    default = found.calendars["default"]
    assert default.time_zone == "Europe/Berlin"
    assert default.windows == ["09:00-17:00"]
    assert default.holidays == []
    assert found.calendars["night"] == load().calendars["default"]


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("version: 1\nhandoff_slas: {critical: 4bh}", "own.yaml:2", ["unknown key handoff_slas"]),
        ("version: 1\nhandoff_sla:\n  high: 1bd\n  urgent: 1bh\n", "own.yaml:4", ["unknown key handoff_sla.urgent"]),
        ("severity:\n  epss: {at_leest: 0.5, to: high}", "own.yaml:2", ["severity.epss.at_le"]),
        ("calendars:\n  default:\n    zone: UTC", "own.yaml:3", ["unknown key calendars.default.zone"]),
        ("sources: {generic: {order: dmy}}", "own.yaml:1", ["unknown key sources.generic.order"]),
        ("acknowledgement_window:\n  critical: 4bh", "own.yaml:2", ["acknowledgement_window.critical", "'4bh'", "wall time"]),
        ("\nhandoff_sla:\n  critical: 4 hours", "own.yaml:3", ["handoff_sla.critical", "'4 hours'", "4bh"]),
        ("handoff_sla: {low: 1.5d}", "own.yaml:1", ["handoff_sla.low", "'1.5d'", "whole number"]),
        ("handoff_sla: {low: 4}", "own.yaml:1", ["handoff_sla.low", "4", "unit"]),
        ("clock_tolerance: -5m", "own.yaml:1", ["clock_tolerance", "'-5m'"]),
        ("clock_tolerance: 1w", "own.yaml:1", ["clock_tolerance", "'1w'"]),
        ("reporting_zone: Europe/Nowhere", "own.yaml:1", ["reporting_zone", "Europe/Nowhere", "IANA"]),
        ("reporting_zone: ../../etc/passwd", "own.yaml:1", ["reporting_zone", "IANA"]),
        ("calendars:\n  berlin:\n    time_zone: CET2CEST", "own.yaml:3", ["calendars.berlin.time_zone", "IANA"]),
        ("sources: {'*': {time_zone: Mars}}", "own.yaml:1", ["sources.*.time_zone"]),
        ("calendars:\n  default:\n    windows: ['09:00-13:00', '12:00-17:00']", "own.yaml:3", ["calendars.default.windows", "overlap"]),
        ("calendars:\n  default:\n    overrides: {2026-12-24: ['09:00-13:00', '12:59-14:00']}", "own.yaml:3", ["overrides", "overlap"]),
        ("calendars: {default: {windows: ['17:00-09:00']}}", "own.yaml:1", ["17:00-09:00", "no window"]),
        ("calendars: {default: {windows: ['9-17']}}", "own.yaml:1", ["9-17", "no window"]),
        ("calendars: {default: {windows: ['22:00-49:00']}}", "own.yaml:1", ["22:00-49:00"]),
        ("calendars: {default: {windows: ['24:00-25:00']}}", "own.yaml:1", ["24:00-25:00"]),
        ("calendars: {default: {windows: []}}", "own.yaml:1", ["at least one day and one window"]),
        ("calendars: {default: {days: [monday]}}", "own.yaml:1", ["calendars.default.days"]),
        ("calendars: {default: {business_day: 0h}}", "own.yaml:1", ["business_day"]),
        ("calendars: {default: {business_day: 1bd}}", "own.yaml:1", ["business_day", "wall time"]),
        ("calendars: {default: null}", "own.yaml:1", ["calendars.default"]),
        ("version: 1\nteam_calendars: {payments: berlin}", "own.yaml:2", ["team_calendars.payments", "'berlin'", "default"]),
        ("version: 2", "own.yaml:1", ["version", "2"]),
        ("severity: {kev: urgent}", "own.yaml:1", ["severity.kev", "urgent"]),
        ("severity: {calibration: {'*': {wat: severe}}}", "own.yaml:1", ["severity.calibration.*.wat", "severe"]),
        ("registers: {maximum_loss: 1.2}", "own.yaml:1", ["registers.maximum_loss", "1.2"]),
        ("binding_due_share: half", "own.yaml:1", ["binding_due_share", "half"]),
        ("acknowledgement: {unowned: someone}", "own.yaml:1", ["acknowledgement.unowned", "someone"]),
        ("acknowledgement: {allowed: [manager]}", "own.yaml:1", ["acknowledgement.allowed", "manager"]),
        ("noise: {threshold: 0}", "own.yaml:1", ["noise.threshold"]),
        ("noise: 20", "own.yaml:1", ["noise"]),
        ("verdict: {critical: {rate: 5}}", "own.yaml:1", ["verdict.critical.rate"]),
        pytest.param("scans: {authorized: ['10.0.0.0/99']}", "own.yaml:1", ["scans.authorized", "10.0.0.0/99"]),
        ("- a list", "own.yaml:1", ["mapping"]),
        ("a: [1", "own.yaml", ["not YAML"]),
        ("a: \x00", "own.yaml", ["not YAML"]),
    ],
)
def test_an_error_names_file_line_and_key(text, where, words):
    error = fault(text)
    assert error.subject.startswith(where)
    for word in words:
        assert word in str(error)


def test_several_errors_are_counted():
    assert "(and 2 more)" in str(fault("noise: {threshold: 0, repeats: 0}\nclock_tolerance: x"))


def test_off_is_off():
    assert load("severity: {kev: off, epss: off}").severity.kev is None
    assert load("severity: {kev: null}").severity.kev is None


def test_zones_and_date_orders_are_looked_up_by_name_then_by_star():
    found = load("sources: {scans/web: {time_zone: Asia/Tokyo}, generic: {date_order: dmy}, '*': {time_zone: Europe/Berlin}}")
    assert found.zone_of("scans/web", "generic") == "Asia/Tokyo"
    assert found.zone_of("generic", None) == "Europe/Berlin"
    assert found.date_order_of("scans/web", "generic") == "dmy"
    assert found.date_order_of("scans/web") == "mdy"


def test_the_digest_is_of_the_meaning():
    one = load("noise: {threshold: 5, repeats: 2}\nhandoff_sla: {low: 10bd}")
    other = load("handoff_sla:\n  low: ' 10bd '\nnoise:\n  repeats: 2\n  threshold: 5\n")
    assert one.digest == other.digest != load().digest


DURATION = st.builds(lambda amount, unit: f"{amount}{unit}", st.integers(0, 400), st.sampled_from(["s", "m", "h", "d"]))
TREES = st.fixed_dictionaries(
    {},
    optional={
        "clock_tolerance": DURATION,
        "handoff_sla": st.fixed_dictionaries({}, optional={"critical": st.sampled_from(["4bh", "1bd", "90m"]), "low": DURATION}),
        "acknowledgement": st.fixed_dictionaries({}, optional={"roles": st.sampled_from(["any", ["engineer"]]), "unowned": st.sampled_from(["anyone", "nobody"])}),
        "severity": st.fixed_dictionaries({}, optional={"kev": st.sampled_from([None, "critical"]), "epss": st.sampled_from([None, {"at_least": 0.25, "to": "high"}])}),
        "calendars": st.fixed_dictionaries(
            {}, optional={"night": st.just({"windows": ["22:00-30:00"], "overrides": {"2026-12-24": ["09:00-13:00"]}, "holidays": ["2026-12-25"], "holiday_region": "DE/BE"})}
        ),
        "routing": st.fixed_dictionaries({}, optional={"escalation_default": st.sampled_from([None, "ivy"])}),
        "scans": st.fixed_dictionaries({}, optional={"authorized": st.lists(st.sampled_from(["*.example.com", "10.0.0.0/8"]), max_size=2)}),
    },
)


@given(TREES)
def test_the_canonical_text_reads_back_as_the_same_policy(tree):
    policy = load(yaml.safe_dump(tree))
    again = from_canonical(policy.canonical)
    assert again == policy
    assert again.digest == policy.digest


@pytest.mark.parametrize("text", ["remediation_sla: {critical: 99999999999d}", "handoff_sla: {critical: 99999999999bd}", "reopen: {grace: 99999999999999999999d}"])
def test_a_duration_beyond_any_calendar_is_an_error(text):
    fault(text)


def test_bands_that_do_not_descend_are_an_error():
    fault("severity: {bands: {critical: 4.0, high: 9.0}}")
