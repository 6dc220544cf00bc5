"""Decayed routing: whoever a decision names, or a notice went to, can take the handoff."""

from expectations.suites import Rule

NAME = "decayed_routing"
TITLE = "Every open cycle names a valid person, and so did every notice"
BATCH = "open_cycle"

#: Why a person is no candidate, in the order of ruling 32; and a team without anybody (34).
_INVALID = [
    "nobody",
    "unknown_person",
    "group_inbox",
    "bot",
    "departed_person",
    "inactive_person",
    "no_role",
    "no_channel",
    "dissolved_team",
]


def rules() -> list[Rule]:
    import great_expectations.expectations as gxe

    return [
        Rule(
            "no_valid_person",
            "The decision in force of every open cycle names a valid person (unless there is no asset to own: asset_binding).",
            gxe.ExpectColumnValuesToNotBeInSet(column="reason", value_set=_INVALID),
            "warning",
            "{reason}: the decision names {candidate} (mapping {named_by}, {mapping_age})",
            ("reason", "candidate", "named_by", "mapping_age_seconds", "rejected", "asset_id", "is_acknowledged"),
            failure_mode="decayed_routing",
        ),
        Rule(
            "mapping_outdated",
            "The mapping that names the owner of an open cycle is no older than the policy's `routing.mapping_age`.",
            gxe.ExpectColumnValuesToBeInSet(column="is_mapping_stale", value_set=[False]),
            "warning",
            "{candidate} is named by the mapping {named_by}, {mapping_age}: confirm it, or name another (`handoff sweep`)",
            ("candidate", "named_by", "mapping_age_seconds", "asset_id"),
            failure_mode="decayed_routing",
            since="stale_since_at",
        ),
        Rule(
            "routed_to_invalid_person",
            "Every routing decision names a person who was valid then.",
            gxe.ExpectColumnValuesToNotBeInSet(column="routing_status", value_set=_INVALID),
            "warning",
            "routed to {target_person}: {status}",
            ("target_person", "status", "occurred_at", "ref"),
            failure_mode="decayed_routing",
            batch="event",
        ),
        Rule(
            "notified_invalid_person",
            "Every notice went to a person who was valid then.",
            gxe.ExpectColumnValuesToNotBeInSet(column="dispatch_status", value_set=_INVALID),
            "warning",
            "notified {target_person}: {status}",
            ("target_person", "status", "channel", "occurred_at", "ref"),
            failure_mode="decayed_routing",
            batch="event",
        ),
    ]
