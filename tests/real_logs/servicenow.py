"""A ServiceNow incident event log → a landing zone of our own formats: the model for bringing your own tracker's log.

    python tests/real_logs/servicenow.py LOG.csv.gz --out FOLDER
    handoff run --landing FOLDER/landing --policy FOLDER/policy.yaml --as-of 2017-02-18T15:00:00Z --home FOLDER/home

The log is the UCI data set 'Incident management process enriched event log': one row per update of an incident, with the whole incident as it
was after the update, to the minute, without a zone (read as UTC). `?` is unknown. What each part of it becomes:

| in the log | in the landing zone |
|---|---|
| incident (`number`) | one finding: an item of the generic report `scans/incidents.json`, its own id the number, captured at `opened_at` |
| `priority` of the first row, 1 to 4 | native severity, verbatim; the policy's calibration reads it as critical to low |
| `assignment_group` of the first row | target of the finding: each group is an asset of that name; `?` is a target that no register knows |
| `assignment_group` | a team, and its queue: a person of kind group, whom the ownership mapping names for what lands on the group |
| `assigned_to` | a person, human and active; team: the group under which they held most rows |
| another holder (the person, else the group's queue, else nobody) | `assigned` the first time, `reassigned` later, target_person = the holder |
| a person becomes the holder | besides, `acknowledged` by that person at that instant: the log has no other word for 'mine' |
| `incident_state` becomes Active, Resolved, Closed | `in_progress`, `resolved`, `verified` |
| `reopen_count` rises | `reopened`, instead of the state's own event: what happens at that instant belongs to the cycle before (ruling 42) |
| `incident_state` becomes another (Awaiting …, -100) | `commented`, with the state: kept, no stage |
| `priority` changes | `commented`, with both; with `--follow-priority` another observation of the finding, captured then, unless it is resolved or closed |
| who updated the row (`sys_updated_by`) | actor of all but the acknowledgement: other pseudonyms than those of `assigned_to`, so nobody in the directory |

Rows of an incident are read in the order (sys_updated_at, sys_mod_count, place in the file). An update that changes none of these is no event.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

Row = Mapping[str, str]

AS_OF = "2017-02-18T15:00:00Z"
UNKNOWN = "?"
STAGES = {"Active": "in_progress", "Resolved": "resolved", "Closed": "verified"}
POLICY = """\
# Priorities of the log, read as bands; one window for all of them.
severity:
  calibration: {servicenow: {"1": critical, "2": high, "3": medium, "4": low}}
acknowledgement_window: {critical: 7d, high: 7d, medium: 7d, low: 7d}
"""


def read_incidents(log: Path) -> dict[str, list[Row]]:
    """The rows of each incident, in their order, by number."""
    incidents: dict[str, list[Row]] = defaultdict(list)
    with gzip.open(log, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            incidents[row["number"]].append(row)
    for rows in incidents.values():
        rows.sort(key=lambda row: (row["sys_updated_at"], int(row["sys_mod_count"])))
    return incidents


def write_landing(incidents: Mapping[str, list[Row]], out: Path, *, follows_priority: bool = False) -> None:
    """Writes `out`/landing and `out`/policy.yaml."""
    landing = out / "landing"
    for folder in ("scans", "assets", "people", "activity"):
        (landing / folder).mkdir(parents=True, exist_ok=True)
    items = [item for rows in incidents.values() for item in findings(rows, follows_priority=follows_priority)]
    (landing / "scans" / "incidents.json").write_text(json.dumps({"type": "servicenow", "findings": items}), encoding="utf-8")
    every = [row for rows in incidents.values() for row in rows]
    groups = sorted({row["assignment_group"] for row in every} - {UNKNOWN}, key=int)
    _write_csv(landing / "assets" / "assets.csv", ({"asset_id": group_id(group), "kind": "assignment group"} for group in groups))
    _write_csv(landing / "people" / "people.csv", people(every, groups))
    _write_csv(landing / "people" / "ownership.csv", ({"match": f"asset:{group_id(group)}", "person_id": group_id(group)} for group in groups))
    _write_csv(landing / "activity" / "incidents.csv", (event for rows in incidents.values() for event in events(rows)))
    (out / "policy.yaml").write_text(POLICY, encoding="utf-8")


def findings(rows: list[Row], *, follows_priority: bool) -> Iterator[dict[str, str]]:
    """The incident as an item of a generic report; one more for each priority that it was given while it was worked on."""
    first = rows[0]
    item = {
        "title": f"Incident {first['number']}",
        "description": f"category {first['category']}, subcategory {first['subcategory']}, symptom {first['u_symptom']}",
        "service": group_id(first["assignment_group"]),
        "unique_id_from_tool": first["number"],
    }
    yield item | {"severity": first["priority"], "date": _utc(first["opened_at"])}
    if follows_priority:
        for before, row in pairwise(rows):
            if row["priority"] != before["priority"] and row["incident_state"] not in ("Resolved", "Closed"):
                yield item | {"severity": row["priority"], "date": _utc(row["sys_updated_at"])}


def people(rows: Iterable[Row], groups: Iterable[str]) -> Iterator[dict[str, str]]:
    """Everybody to whom anything was ever assigned, and the queue of each group."""
    held: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row["assigned_to"] != UNKNOWN:
            held[row["assigned_to"]][row["assignment_group"]] += 1
    for person, counts in sorted(held.items(), key=lambda found: int(found[0])):
        known = [group for group in counts if group != UNKNOWN]
        team = group_id(min(known, key=lambda group: (-counts[group], int(group)))) if known else ""
        yield {"person_id": person_id(person), "team": team, "role": "resolver", "channel": "servicenow", "kind": "human"}
    for group in groups:
        yield {"person_id": group_id(group), "team": group_id(group), "role": "queue", "channel": "servicenow", "kind": "group"}


def events(rows: list[Row]) -> Iterator[dict[str, str]]:
    """What happened to one incident, as rows of activity.csv."""
    before: Row | None = None
    is_assigned = False
    for number, row in enumerate(rows):

        def event(word: str, row: Row = row, number: int = number, **more: str) -> dict[str, str]:
            return {
                # Sorts as the rows do: at one instant the later row wins.
                "event_id": f"{row['number']}-{number:03d}-{word}",
                "ref": row["number"],
                "event": word,
                "actor": f"updated-by-{row['sys_updated_by']}",
                "occurred_at": _utc(row["sys_updated_at"]),
                "target_person": "",
                "comment": "",
            } | more

        if holder(row) != (holder(before) if before else ""):
            yield event("reassigned" if is_assigned else "assigned", target_person=holder(row))
            is_assigned = True
            if row["assigned_to"] != UNKNOWN:
                yield event("acknowledged", actor=holder(row))
        if before and int(row["reopen_count"]) > int(before["reopen_count"]):
            yield event("reopened")
        elif row["incident_state"] != (before["incident_state"] if before else "New"):
            state = row["incident_state"]
            yield event(STAGES[state]) if state in STAGES else event("commented", comment=f"state {state}")
        if before and row["priority"] != before["priority"]:
            # Its own id, beside the state's comment of the same row.
            yield event("commented", event_id=f"{row['number']}-{number:03d}-priority", comment=f"priority {before['priority']} to {row['priority']}")
        before = row


def holder(row: Row) -> str:
    """Who has the incident after the update: a person, else the queue of the group, else nobody (blank)."""
    if row["assigned_to"] != UNKNOWN:
        return person_id(row["assigned_to"])
    return group_id(row["assignment_group"]) if row["assignment_group"] != UNKNOWN else ""


def person_id(number: str) -> str:
    return f"resolver-{number}"


def group_id(number: str) -> str:
    return f"group-{number}" if number != UNKNOWN else "no-group"


def _utc(stamp: str) -> str:
    return f"{stamp}Z"


def _write_csv(path: Path, rows: Iterable[dict[str, str]]) -> None:
    rows = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("log", type=Path, help="incident event log, CSV, gzip")
    parser.add_argument("--out", type=Path, required=True, help="folder that gets landing/ and policy.yaml")
    parser.add_argument("--follow-priority", action="store_true", help="a changed priority is another observation, so that severity follows it")
    options = parser.parse_args()
    incidents = read_incidents(options.log)
    write_landing(incidents, options.out, follows_priority=options.follow_priority)
    print(f"{len(incidents)} incidents, {sum(map(len, incidents.values()))} rows: {options.out / 'landing'}")


if __name__ == "__main__":
    main()
