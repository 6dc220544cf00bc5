"""Capture: every cycle has its t0, which is the earliest thing that opened it, and what came in could be used."""

from expectations.suites import Rule

NAME = "capture"
TITLE = "t0 is there and never moves; what came in could be read, and says when it was"
BATCH = "cycle"


def rules() -> list[Rule]:
    import great_expectations.expectations as gxe

    return [
        Rule(
            "captured_at_present",
            "Every handoff cycle has t0.",
            gxe.ExpectColumnValuesToNotBeNull(column="captured_at"),
            "critical",
            "cycle {cycle} has no t0",
            ("origin",),
        ),
        Rule(
            "captured_at_earliest",
            "t0 is the earliest of the cycle's own observations, or the event that reopened it.",
            gxe.ExpectColumnPairValuesToBeEqual(column_A="captured_at", column_B="opened_at", ignore_row_if="either_value_is_missing"),
            "critical",
            "t0 is {captured_at}, but the cycle was opened at {opened_at}",
            ("origin", "captured_at", "opened_at"),
        ),
        Rule(
            "captured_at_restated",
            "t0 is the one that was first published.",
            gxe.ExpectColumnPairValuesToBeEqual(column_A="captured_at", column_B="first_published_at", ignore_row_if="either_value_is_missing"),
            "warning",
            "t0 was published as {first_published_at} and is {captured_at} now: an observation arrived late, or findings were merged or split",
            ("first_published_at", "captured_at", "restated_at"),
            since="restated_at",
        ),
        Rule(
            "file_quarantined",
            "No landed file is quarantined.",
            gxe.ExpectColumnValuesToNotBeInSet(column="status", value_set=["quarantined"]),
            "warning",
            "{path} is quarantined: {reason}",
            ("path", "sha256", "reason"),
            batch="landed_file",
        ),
        Rule(
            "file_held",
            "No landed file is held for a person's decision.",
            gxe.ExpectColumnValuesToNotBeInSet(column="status", value_set=["held"]),
            "warning",
            "{path} is held: {reason}",
            ("path", "sha256", "reason"),
            batch="landed_file",
        ),
        Rule(
            "row_rejected",
            "No row of a landed file has a reason against it.",
            gxe.ExpectColumnValuesToBeNull(column="reason"),
            "warning",
            "{path} {pointer}: {reason}: {explanation}",
            ("path", "pointer", "reason", "explanation"),
            batch="rejected_row",
        ),
        Rule(
            "stamps_naive",
            "Every instant in a file states its zone.",
            gxe.ExpectColumnValuesToBeBetween(column="naive_stamps", max_value=0),
            "warning",
            "{path}: {naive_stamps} of {stamps} instants state no zone",
            ("path", "sha256", "naive_stamps", "stamps"),
            batch="landed_file",
        ),
        Rule(
            "stamps_at_midnight",
            "No instant in a file is midnight, which mostly means that its time of day is missing.",
            gxe.ExpectColumnValuesToBeBetween(column="midnight_stamps", max_value=0),
            "warning",
            "{path}: {midnight_stamps} of {stamps} instants are midnight in their zone",
            ("path", "sha256", "midnight_stamps", "stamps"),
            batch="landed_file",
        ),
        Rule(
            "captures_dated_by_day",
            "The report or its sidecar states the time of day of its captures.",
            gxe.ExpectColumnValuesToBeBetween(column="day_captures", max_value=0),
            "warning",
            "{path}: {day_captures} of {stamps} results are dated by a day only",
            ("path", "sha256", "day_captures", "stamps"),
            batch="landed_file",
        ),
        Rule(
            "captures_dated_by_file",
            "The report or its sidecar states when it was taken.",
            gxe.ExpectColumnValuesToBeBetween(column="file_captures", max_value=0),
            "warning",
            "{path}: {file_captures} of {stamps} results are dated by the file's own time",
            ("path", "sha256", "file_captures", "stamps"),
            batch="landed_file",
        ),
        Rule(
            "observation_conflict",
            "One observation has one content.",
            gxe.ExpectColumnValuesToBeBetween(column="observation_contents", max_value=1),
            "warning",
            "{observation_contents} contents of one result; one counts: {difference}",
            ("kind", "observation_contents", "difference"),
            batch="conflict",
        ),
        Rule(
            "event_conflict",
            "One event id has one content.",
            gxe.ExpectColumnValuesToBeBetween(column="event_contents", max_value=1),
            "warning",
            "{event_contents} contents of event {subject_id}; one counts: {difference}",
            ("kind", "event_contents", "difference"),
            batch="conflict",
        ),
        Rule(
            "register_conflict",
            "One key of a register has one content at an instant.",
            gxe.ExpectColumnValuesToBeBetween(column="register_contents", max_value=1),
            "warning",
            "{register_contents} contents of {kind} {subject}; one counts: {difference}",
            ("kind", "subject", "register_contents", "difference"),
            batch="conflict",
        ),
        Rule(
            "file_superseded",
            "A landed file is claimed once.",
            gxe.ExpectColumnValuesToBeBetween(column="file_contents", max_value=1),
            "warning",
            "{subject} was claimed {file_contents} times; the latest claim counts: {difference}",
            ("kind", "subject", "file_contents", "difference"),
            batch="conflict",
        ),
    ]
