"""Early warning: every source delivers, what comes in is acknowledged, owners stay, assets are scanned in time."""

from expectations.suites import Rule

NAME = "early_warning"
TITLE = "Nothing is about to hurt: sources deliver, arrivals are within capacity, ownership and coverage hold"
BATCH = "early_warning"


def rules() -> list[Rule]:
    import great_expectations.expectations as gxe

    def free_of(name: str, statement: str, mode: str | None = None) -> Rule:
        expectation = gxe.ExpectColumnValuesToNotBeInSet(column="kind", value_set=[name])
        return Rule(name, statement, expectation, "warning", "{said}; {action}", ("subject", "figure", "threshold", "people"), failure_mode=mode)

    return [
        free_of("source_silent", "Every source whose cadence is known, or stated in the policy, has delivered within it."),
        free_of("arrivals_above_capacity", "No business unit gets more handoffs than it acknowledges for as many weeks as the policy says."),
        free_of("ownership_currency_fell", "The share of open findings whose owner is there has not fallen by what the policy allows within its period.", "decayed_routing"),
        free_of("coverage_fell", "The share of active assets that are scanned in time has not fallen by what the policy allows within its period."),
    ]
