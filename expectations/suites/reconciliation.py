"""Reconciliation: the laws of our own work, over whole tables. The warehouse counts both sides; here they are compared."""

from expectations.suites import Rule

NAME = "reconciliation"
TITLE = "Nothing is lost, doubled or made up on the way from the files to the numbers"
BATCH = "reconciliation"

_LAWS = {
    "row_balance": "Rows in are new, duplicate or rejected, in every run and every file.",
    "rows_kept": "Every row that a file brought is in the record.",
    "unique_grain": "Every mart has one row for each value of its key.",
    "references": "Whatever a row refers to is there.",
    "t0_earliest": "t0 of a cycle is the earliest thing that opened it.",
    "stage_sums": "The spans of a cycle's stages, and of its segments, add up to the whole to the microsecond.",
    "lag_sums": "The seconds lost by stage add up to each cycle's time beyond its handoff SLA, to the microsecond.",
    "totals_agree": "A total is the count of the rows that it is of, in every mart that shows it.",
    "rate_sums": "Unacknowledged cycles by failure mode add up to all of them, in every cohort.",
    "share_sums": "The shares of the segments add up to 1, and a cohort's cycles to its handoffs.",
    "parts_of_whole": "A rate or share is between 0 and 1, and what was lost is more than nothing.",
    "evidence_sums": "Complete chains, exceptions and pending ones add up to the population that a control's evidence is of.",
    "restatement_chain": "A restated t0 leads from one instant to another, and the last one to what is published.",
}


def rules() -> list[Rule]:
    import great_expectations.expectations as gxe
    from great_expectations.expectations.row_conditions import Column

    laws = [
        Rule(
            law,
            statement,
            gxe.ExpectColumnPairValuesToBeEqual(column_A="expected", column_B="actual", row_condition=Column("law") == law),
            "critical",
            "{law} of {subject}: expected {expected}, counted {actual}",
            ("law", "subject", "expected", "actual", "difference"),
        )
        for law, statement in _LAWS.items()
    ]
    stated = Rule(
        "laws_counted",
        "Every law is counted by mart.reconciliation.",
        gxe.ExpectColumnDistinctValuesToContainSet(column="law", value_set=list(_LAWS)),
        "critical",
        "a law is not counted",
        (),
    )
    return [*laws, stated]
