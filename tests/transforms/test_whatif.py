"""Which keys of two policies differ, and which of them the record cannot be asked about."""

from __future__ import annotations

import pytest

from transforms import whatif
from transforms.domain.errors import UsageError
from transforms.whatif import Change


def found(tools, overlay, under=None):
    return whatif.changes(tools.make_policy(under), tools.make_policy(overlay))


@pytest.mark.parametrize(
    ("overlay", "changes"),
    [
        ({}, []),
        ({"handoff_sla": {"critical": "2bh"}}, [("handoff_sla.critical", "4bh", "2bh")]),
        ({"severity": {"kev": None}}, [("severity.kev", "high", "null")]),
        ({"noise": {"threshold": 5, "window": "48h"}}, [("noise.threshold", "20", "5"), ("noise.window", "24h", "48h")]),
        ({"acknowledgement": {"allowed": ["owner"]}}, [("acknowledgement.allowed", '["owner", "owning_team"]', '["owner"]')]),
        ({"team_calendars": {"t": "default"}}, [("team_calendars.t", None, "default")]),
        ({"severity": {"epss": {"at_least": 0.5, "to": "high"}}}, [("severity.epss.at_least", None, "0.5"), ("severity.epss.to", None, "high")]),
    ],
)
def test_every_key_that_differs_is_named_as_the_file_writes_it(tools, overlay, changes):
    assert found(tools, overlay) == [Change(*change) for change in changes]


@pytest.mark.parametrize(
    ("overlay", "key", "values", "why"),
    [
        ({"clock_tolerance": "1h"}, "clock_tolerance", ["1h", "5m"], "future"),
        ({"registers": {"maximum_loss": 0.5}}, "registers.maximum_loss", ["0.5", "0.2"], "held"),
        ({"scans": {"maximum_collapse": 0.9}}, "scans.maximum_collapse", ["0.9", "0.5"], "held"),
        ({"scans": {"minimum_results": 3}}, "scans.minimum_results", ["3", "20"], "held"),
        ({"sources": {"zap": {"time_zone": "Europe/Berlin"}}}, "sources.zap", ["Europe/Berlin", "nothing"], "read when"),
        ({"sources": {"*": {"date_order": "dmy"}}}, "sources.*.date_order", ["dmy", "mdy"], "read when"),
        ({"trackers": {"jira": {"status": {"Done": "verified"}}}}, "trackers.jira.status.done", ["verified", "resolved"], "mean"),
        ({"directory": {"teams": ["squad-*"]}}, "directory.teams", ["squad-*"], "when the directory was landed"),
        ({"directory": {"on_call_horizon": "14d"}}, "directory.on_call_horizon", ["14d", "730d"], "when it was landed"),
        ({"landing": {"settle": "10s"}}, "landing.settle", ["10s", "0s"], "found"),
    ],
)
def test_what_was_decided_at_intake_is_refused_with_key_values_and_reason(tools, overlay, key, values, why):
    base, other = tools.make_policy(), tools.make_policy({**overlay, "handoff_sla": {"critical": "2bh"}})
    with pytest.raises(UsageError) as error:
        whatif.refuse_what_was_decided(whatif.changes(base, other), base, other)
    assert error.value.exit_code == 2
    for word in (key, *values, why):
        assert word in str(error.value)


def test_all_that_is_refused_is_named_at_once(tools):
    base, other = tools.make_policy(), tools.make_policy({"clock_tolerance": "1h", "landing": {"settle": "10s"}})
    with pytest.raises(UsageError, match=r"clock_tolerance.*the same of landing\.settle"):
        whatif.refuse_what_was_decided(whatif.changes(base, other), base, other)


def test_a_key_that_the_other_policy_leaves_out_is_refused_too(tools):
    base, other = tools.make_policy({"sources": {"zap": {"time_zone": "Europe/Berlin"}}}), tools.make_policy()
    with pytest.raises(UsageError, match=r"sources\.zap.*left out, where the run had"):
        whatif.refuse_what_was_decided(whatif.changes(base, other), base, other)


def test_a_digest_that_was_in_force_cannot_be_taken_back(tools):
    base, other = tools.make_policy({"dispatch": {"digest": {"low": "business_day"}}}), tools.make_policy()
    with pytest.raises(UsageError, match=r"dispatch\.digest\.low"):
        whatif.refuse_what_was_decided(whatif.changes(base, other), base, other)
    whatif.refuse_what_was_decided(whatif.changes(other, base), other, base)


@pytest.mark.parametrize("overlay", [{"scans": {"authorized": ["pay*"]}}, {"severity": {"kev": "critical"}}, {"calendars": {"default": {}}}, {"reporting_zone": "Asia/Tokyo"}])
def test_what_each_evaluation_decides_anew_may_be_asked(tools, overlay):
    base, other = tools.make_policy(), tools.make_policy(overlay)
    whatif.refuse_what_was_decided(whatif.changes(base, other), base, other)


def test_runs_are_replayed_only_where_they_could_have_completed_other_stages(tools):
    base = tools.make_policy()
    assert not whatif.completes_other_stages([base], tools.make_policy({"handoff_sla": {"critical": "2bh"}, "noise": {"threshold": 3}}))
    for overlay in ({"acknowledgement": {"unowned": "nobody"}}, {"reopen": {"grace": "0s"}}, {"controls": {"attestation": "9d"}}, {"severity": {"kev": None}}):
        assert whatif.completes_other_stages([base], tools.make_policy(overlay))
        assert whatif.completes_other_stages([tools.make_policy(overlay), base], base), "an earlier run went by another policy"


def test_a_cut_that_there_is_none_of_is_said_with_those_that_there_are():
    whatif.require_dimension("team")
    with pytest.raises(UsageError, match=r"'planet'.*business_unit"):
        whatif.require_dimension("planet")


def test_figures_name_their_units():
    row = {"measure": "p90_handoff_latency", "period_grain": "all", "period_start": None, "dimension_value": "all", "severity": "high", "failure_mode": None, "clock": "wall"}
    row |= {"unit": "seconds", "base": 7200.0, "whatif": 3600.0, "difference": -3600.0, "base_population": 3, "whatif_population": 2, "cycles_changed": 1, "is_changed": True}
    rate = {**row, "measure": "no_acknowledgement_rate", "clock": None, "unit": "rate", "base": 0.25, "whatif": None, "difference": None, "failure_mode": "decayed_routing"}
    header, rows = whatif.table([row, rate, {**row, "measure": "handoffs", "is_changed": False}], "all")
    assert len(rows) == 2 and all(len(line) == len(header) for line in rows)
    assert rows[0] == ("p90 handoff latency (wall)", "all cohorts", "high", "2\xa0h", "60\xa0min", "-60\xa0min", "3 → 2", 1)
    assert rows[1][:5] == ("no acknowledgement rate, decayed routing", "all cohorts", "high", "25.0 %", None)
