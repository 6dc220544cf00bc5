"""Severity: every finding has a band, and was routed with it."""

from expectations.suites import Rule

NAME = "severity"
TITLE = "Every finding is rated, and was routed as what it is"
BATCH = "finding"


def rules() -> list[Rule]:
    import great_expectations.expectations as gxe

    return [
        Rule(
            "severity_unrated",
            "Every finding has a band.",
            gxe.ExpectColumnValuesToNotBeInSet(column="severity", value_set=["unrated"]),
            "warning",
            "{scanners} calls it {native_terms}, which no calibration knows: it is in no measure until it is rated",
            ("title", "target", "scanners", "native_terms", "severity_rule"),
        ),
        Rule(
            "severity_understated",
            "Nobody was routed a cycle as less severe than it was.",
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="band_rank", column_B="routed_rank", or_equal=True, ignore_row_if="either_value_is_missing"
            ),
            "warning",
            "routed to {target_person} as {routed_severity}, when it was {band}",
            ("event", "target_person", "routed_severity", "band", "occurred_at"),
            failure_mode="severity_mismatch",
            batch="event",
        ),
    ]
