"""Asset binding gaps: an open finding is on one active asset."""

from expectations.suites import Rule

NAME = "asset_binding"
TITLE = "Every open finding is on one active asset"
BATCH = "open_finding"

_EVIDENCE = ("target", "binding_status", "candidates", "asset_id", "state")


def rules() -> list[Rule]:
    import great_expectations.expectations as gxe

    def states(name: str, status: str, statement: str, detail: str) -> Rule:
        expectation = gxe.ExpectColumnValuesToNotBeInSet(column="binding_status", value_set=[status])
        return Rule(name, statement, expectation, "warning", detail, _EVIDENCE, failure_mode="asset_binding_gap")

    return [
        states("finding_unbound", "unbound", "The target of every open finding is in the asset register.", "{target} is in no asset register"),
        states(
            "finding_ambiguous",
            "ambiguous",
            "The target of every open finding is one asset only.",
            "{target} may be any of {candidates}",
        ),
        states("finding_retired", "retired", "No open finding is on a retired asset.", "{target} is the retired asset {asset_id}"),
    ]
