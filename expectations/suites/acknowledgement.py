"""Acknowledgement: every handoff is made in time, and what claims to make one counts."""

from expectations.suites import Rule

NAME = "acknowledgement"
TITLE = "Every handoff is acknowledged in time, by someone whose word counts"
BATCH = "cycle"


def rules() -> list[Rule]:
    import great_expectations.expectations as gxe

    def counts(name: str, status: str, statement: str, detail: str, *more: str) -> Rule:
        expectation = gxe.ExpectColumnValuesToNotBeInSet(column="acknowledgement_status", value_set=[status])
        evidence = ("actor", "method", "status", "occurred_at", "ref", *more)
        return Rule(name, statement, expectation, "warning", detail, evidence, failure_mode="acknowledgement_ambiguity", batch="event")

    return [
        Rule(
            "handoff_sla_broken",
            "The acknowledgement, or while there is none as_of or the cycle's end, is not later than the handoff is due.",
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="handoff_due_at", column_B="answered_at", or_equal=True, ignore_row_if="either_value_is_missing"
            ),
            "warning",
            "the handoff was due at {handoff_due_at}; acknowledged at: {acknowledged_at}",
            ("captured_at", "handoff_due_at", "acknowledged_at", "horizon_at"),
            since="handoff_due_at",
        ),
        Rule(
            "unacknowledged_past_window",
            "The acknowledgement or the withdrawal, or while there is none as_of, comes before the acknowledgement window ends.",
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="window_ends_at", column_B="heard_at", ignore_row_if="either_value_is_missing"),
            "warning",
            "nobody had acknowledged it when its window ended at {window_ends_at}; acknowledged at: {acknowledged_at}",
            ("captured_at", "window_ends_at", "acknowledged_at", "horizon_at"),
            since="window_ends_at",
        ),
        counts(
            "acknowledgement_not_allowed",
            "not_allowed",
            "Whoever acknowledges is an active person whom the policy lets acknowledge.",
            "{actor} acknowledged it at {occurred_at}, who may not",
        ),
        counts(
            "acknowledgement_untrusted",
            "untrusted_method",
            "Every acknowledgement comes by a way that the policy trusts.",
            "{actor} acknowledged it at {occurred_at} by {method}, which the policy does not trust",
        ),
        counts(
            "acknowledgement_withdrawn",
            "withdrawn",
            "No acknowledgement is withdrawn.",
            "the acknowledgement by {actor} at {occurred_at} was withdrawn by {withdrawn_by} at {withdrawn_at}",
            "withdrawn_by",
            "withdrawn_at",
        ),
        counts(
            "acknowledgement_outside_cycle",
            "outside_cycle",
            "Every acknowledgement falls into a handoff cycle.",
            "{actor} acknowledged it at {occurred_at}, after it was closed",
        ),
        Rule(
            "handoff_declined",
            "Nobody declines a handoff.",
            gxe.ExpectColumnValuesToNotBeInSet(column="declined_status", value_set=["counted"]),
            "warning",
            "{actor} declined it at {occurred_at}: {comment}",
            ("actor", "method", "occurred_at", "comment", "ref"),
            batch="event",
        ),
        Rule(
            "acknowledgement_before_capture",
            "No acknowledgement is earlier than the finding's first capture.",
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="acknowledgement_at", column_B="first_captured_at", or_equal=True, ignore_row_if="either_value_is_missing"
            ),
            "warning",
            "{actor} acknowledged it at {occurred_at}, before it was first captured at {first_captured_at}",
            ("actor", "occurred_at", "first_captured_at", "ref"),
            batch="event",
        ),
    ]
