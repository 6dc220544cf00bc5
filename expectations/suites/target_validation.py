"""Target validation: what was scanned is an asset that we know, and may scan (ruling 96)."""

from expectations.suites import Rule

NAME = "target_validation"
TITLE = "What was scanned is one active asset, inside the authorised scope"
BATCH = "target"

_EVIDENCE = ("target", "binding_status", "candidates", "path", "pointer", "source")


def rules() -> list[Rule]:
    import great_expectations.expectations as gxe

    return [
        Rule(
            "target_without_asset",
            "Every scanned target is one active asset.",
            gxe.ExpectColumnValuesToBeInSet(column="binding_status", value_set=["bound"]),
            "warning",
            "{target} is {binding_status} (candidates: {candidates}); first in {path} at {pointer}",
            _EVIDENCE,
            failure_mode="asset_binding_gap",
        ),
        Rule(
            "target_not_authorized",
            "Every scanned target lies within the policy's scans.authorized.",
            gxe.ExpectColumnValuesToBeInSet(column="is_authorized", value_set=[True]),
            "warning",
            "{target} lies outside scans.authorized; first in {path} at {pointer}",
            _EVIDENCE,
        ),
    ]
