"""Stage order: a cycle's stages follow one another, and every event finds its place."""

from expectations.suites import Rule

NAME = "stage_order"
TITLE = "Stages follow one another, and every event finds its finding and its cycle"
BATCH = "cycle"


def rules() -> list[Rule]:
    import great_expectations.expectations as gxe

    def follows(name: str, column: str, statement: str) -> Rule:
        # `before_<column>` is the latest stage before it that is in sequence itself (ruling 52).
        before = f"before_{column}"
        expectation = gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=column, column_B=before, or_equal=True, ignore_row_if="either_value_is_missing"
        )
        detail = f"{column} is {{{column}}}, but an earlier stage was at {{{before}}}"
        return Rule(name, statement, expectation, "warning", detail, ("captured_at", before, column), since=column)

    def placed(name: str, status: list[str], statement: str, detail: str, since: str) -> Rule:
        expectation = gxe.ExpectColumnValuesToNotBeInSet(column="place_status", value_set=status)
        evidence = ("event", "ref", "actor", "ticket", "status", "occurred_at", "recorded_at")
        return Rule(name, statement, expectation, "warning", detail, evidence, since=since, batch="event")

    return [
        follows("enrichment_out_of_sequence", "enriched_at", "Enrichment is not earlier than capture."),
        follows("routing_out_of_sequence", "routed_at", "Routing is not earlier than the stages before it."),
        follows("dispatch_out_of_sequence", "notified_at", "Dispatch is not earlier than the stages before it."),
        follows("acknowledgement_out_of_sequence", "acknowledged_at", "Acknowledgement is not earlier than the stages before it."),
        follows("triage_out_of_sequence", "triaged_at", "Triage entry is not earlier than the stages before it."),
        Rule(
            "event_before_capture",
            "No event is earlier than its finding's first capture.",
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="event_at", column_B="first_captured_at", or_equal=True, ignore_row_if="either_value_is_missing"
            ),
            "warning",
            "{event} at {occurred_at} is before the first capture at {first_captured_at}",
            ("event", "actor", "occurred_at", "first_captured_at", "ref"),
            batch="event",
        ),
        placed(
            "event_outside_cycle",
            ["outside_cycle", "reopened_while_open", "no_running_control"],
            "Every event means something where it stands in its finding's life.",
            "{event} at {occurred_at}: {status}",
            "occurred_at",
        ),
        placed("event_unmatched", ["no_match"], "Every event's ref is known.", "{event} about {ref}, which nothing is known as: it waits", "recorded_at"),
        placed(
            "event_ambiguous",
            ["ambiguous_ref"],
            "Every event's ref is one finding's.",
            "{event} about {ref}, which several findings are known as: it waits",
            "recorded_at",
        ),
        Rule(
            "triage_without_acknowledgement",
            "Triage entry follows an acknowledgement.",
            gxe.ExpectColumnValuesToNotBeInSet(column="triage_status", value_set=["not_acknowledged", "before_acknowledgement"]),
            "warning",
            "{actor} took it into triage at {occurred_at}: {status}",
            ("actor", "status", "occurred_at", "ref"),
            failure_mode="acknowledgement_ambiguity",
            batch="event",
        ),
    ]
