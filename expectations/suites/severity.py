"""Severity: every finding has a band, was routed with it, and scanners mean by their words what the calibration takes them for."""

from expectations.suites import Rule

NAME = "severity"
TITLE = "Every finding is rated, and was routed as what it is"
BATCH = "finding"


def rules() -> list[Rule]:
    import great_expectations.expectations as gxe

    def never(column: str) -> gxe.ExpectColumnValuesToBeInSet:
        return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=[False])

    return [
        Rule(
            "severity_unrated",
            "Every finding has a band.",
            gxe.ExpectColumnValuesToNotBeInSet(column="severity", value_set=["unrated"]),
            "warning",
            "{native_terms}, which no calibration knows: it is in no measure until it is rated; to rate it, add to the policy "
            "`{policy_line}` with BAND one of critical, high, medium, low, informational",
            ("title", "target", "scanners", "native_terms", "policy_line", "severity_rule"),
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
        Rule(
            "severity_term_contradicted",
            "Scores agree with the band that their term is calibrated to.",
            never("is_contradicted"),
            "warning",
            "{scanner} ({format}): {native_term} is calibrated to {calibrated_band}, but the median of its {scored} scores is {median_score}, {score_band}; "
            "look whether severity.calibration still fits",
            ("scanner", "format", "native_term", "calibrated_band", "scored", "median_score", "score_band"),
            batch="native_term",
        ),
        Rule(
            "severity_term_new",
            "Scanners use the terms that they used before.",
            never("is_new"),
            "warning",
            "{scanner} ({format}) did not use {native_term} before; the calibration takes it for {calibrated_band}: look whether that is meant",
            ("scanner", "format", "native_term", "calibrated_band", "recent"),
            batch="native_term",
        ),
        Rule(
            "severity_terms_drifted",
            "A scanner's terms keep their shares, within the policy's severity.drift.change.",
            never("has_drifted_terms"),
            "warning",
            "{scanner} rates otherwise than before: {changed_terms} ({recent} results against {before} before)",
            ("scanner", "term_change", "changed_terms", "recent", "before"),
            batch="scanner",
        ),
        Rule(
            "severity_bands_drifted",
            "The workspace bands of a scanner's results keep their shares, within the policy's severity.drift.change.",
            never("has_drifted_bands"),
            "warning",
            "results of {scanner} come out otherwise than before: {changed_bands} ({recent} results against {before} before)",
            ("scanner", "band_change", "changed_bands", "recent", "before"),
            batch="scanner",
        ),
    ]
