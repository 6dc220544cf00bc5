"""The directory: what it says of people can be used to find them, and those above them."""

from expectations.suites import Rule

NAME = "directory"
TITLE = "Every reference to a person names one, every manager chain ends and can be told, every zone is one"
BATCH = "directory"


def rules() -> list[Rule]:
    import great_expectations.expectations as gxe

    def free_of(name: str, issue: str, statement: str, detail: str, evidence: tuple[str, ...], mode: str | None = None) -> Rule:
        return Rule(name, statement, gxe.ExpectColumnValuesToNotBeInSet(column="issue", value_set=[issue]), "warning", detail, evidence, failure_mode=mode)

    return [
        free_of(
            "manager_cycle",
            "manager_cycle",
            "No manager chain leads back to where it began.",
            "the managers {people} stand above each other in a circle: nothing can be escalated past them; mend manager_id of one",
            ("people",),
            "decayed_routing",
        ),
        free_of(
            "shared_reference",
            "shared_reference",
            "No alias or mail address is of two people at once.",
            "{subject} is of {people}: it names none of them, in routing or in an event; leave it to one, or give both rows one person_id",
            ("subject", "people"),
            "decayed_routing",
        ),
        free_of(
            "unknown_time_zone",
            "unknown_time_zone",
            "The time zone of every person is one.",
            "{people} is in the time zone {subject}, which is none; expected an IANA name, as in Europe/Berlin",
            ("subject", "people"),
        ),
        free_of(
            "manager_unreachable",
            "unreachable_manager",
            "The manager of everybody who owns an open handoff can be told of it.",
            "{subject}, the manager of {people}, cannot be told ({standing}): what they do not take is escalated past {subject}; mend the entry or manager_id",
            ("subject", "standing", "people"),
        ),
        free_of(
            "escalation_default_unreachable",
            "unreachable_default",
            "The person whom the policy names as escalation default can be told.",
            "the escalation default {subject} cannot be told ({standing}): what nobody takes reaches nobody; name another in routing.escalation_default",
            ("subject", "standing"),
        ),
    ]
