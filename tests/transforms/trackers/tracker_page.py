"""The page docs/trackers.md: every tracker format with what its shipped mapping takes for what, and the agreement with Apache DevLake.

python tests/transforms/trackers/tracker_page.py                  prints it
python tests/transforms/trackers/tracker_page.py --write          writes docs/trackers.md
"""

from __future__ import annotations

import inspect
import sys

import tracker_agreement as agreement
import tracker_golden as golden

from transforms.domain.mapping import IGNORED, SECTIONS, STATES, Mapping, shipped
from transforms.domain.vocabulary import BANDS, EVENTS
from transforms.trackers import formats

PAGE = golden.ROOT / "docs" / "trackers.md"
OPENING = """\
# Trackers

Written by `python tests/transforms/trackers/tracker_page.py --write`; do not edit. What a format is stands in its module (`transforms/trackers/`), what its words
mean in its mapping (`transforms/trackers/mappings/`). A file in `activity/` is recognised by its content: `handoff formats --explain FILE` says by what,
`handoff trackers --explain FILE` what it comes to: which rule of the mapping matched how often, which words none matched, sample rows, and what to write
into the policy.

## What a file comes to

- **Events** (`record.activity`, method `tracker`): each transition, label, command in a comment, assignment or log entry that the mapping has. An
  acknowledgement is only what the mapping says is one; an assignment never is, from it one is at most inferred.
- **Tickets** (`record.ticket`): each state of a ticket that a file shows, with owner, severity and due date as the tracker has them.
- **Links**: a ticket names its finding by a line of its own in its description or a comment, `handoff-finding: ID`, the id being a finding's, a sighting's or a
  scanner's own. A row `ticket_linked` in our own `activity.csv` says the same.
- An event has one id in every export, page and call, so what overlaps counts once. Ids are the tracker's own behind its name: with two instances of one
  tracker, give the files of each a `source` of its own in their sidecar (`_scan.yaml` in the folder will do).
- People are named by mail address, else login, else account id, as the tracker does. A deleted user is nobody.
- An instant without a zone has that of its source in the policy. ServiceNow keeps UTC and does not write it: `sources: {servicenow: {time_zone: UTC}}` where the default is another
  (for values as they are shown to a person: that person's zone).
- Several tickets changed in one instant by one person are several events without a `batch_id`: the tracker does not say that they were one decision, and
  `mart.time_quality` counts them as bulk acknowledgements.
- A list that says that there is more of it than it has (`total`) is a rejected row `truncated_changelog` or `truncated_comments`. A change that does not begin where the one
  before ended (a broken chain) is told by `--explain`, and read as it is.
- A file of which the mapping has no word at all is quarantined as `nothing_mapped`, with its words; under a changed policy it is read again by itself. A loaded file is not: what it
  came to under the mapping of then stays, so that a past figure can be had again. `handoff reprocess SHA` reads one again and adds what the new mapping has more. To take back
  what an old mapping wrongly took for an event, `handoff rebuild --policy FILE` makes the whole record anew from the raw files under the new one, or `handoff retract SHA` leaves a file out.

## How to say what words mean

```yaml
trackers:
  jira:                                  # laid over the shipped mapping word by word
    status: {In Review: triaged, accepted: ignored, "id:10068": verified, "*": commented}
    label: {sec-ack: acknowledged}
    field: {"Risk decision=Accepted": withdrawn}
    severity: {Showstopper: critical}
    fields: {severity: customfield_10050, due: duedate}
  emea:                                  # files whose sidecar says `source: emea`
    format: jira
    status: {Angenommen: acknowledged}
  generic:                               # any CSV or JSON lines that has all of these columns
    columns: {event_id: Nr, event: Vorgang, ref: Finding, actor: Wer, occurred_at: Wann}
    entry: {angenommen: acknowledged}
```

Words are compared trimmed and without case. A fact has several, and the first that the mapping has decides: in Jira what a ticket was resolved as (`resolution:duplicate`), the
transition by ids, the status by id (`id:10068`, which outlives a new name), the transition by names (`closed > open`), the status by name, its category (`category:done`). `"*"` is every
other word of its section, `ignored` no event. An unknown event, band, state or section is exit 2 with file and line. The mappings are part of the policy and of its digest.
"""


def render() -> str:
    lines = [OPENING, "| section | what its words are |", "|---|---|"]
    lines += [f"| `{section}` | {meaning} |" for section, meaning in SECTIONS.items()]
    lines += ["| `severity` | the native severity or priority, of GitHub and GitLab the labels |", "| `state` | the native state of a ticket |", "", "## Formats", ""]
    lines += ["| format | reads | golden files | real |", "|---|---|---|---|"]
    for name in shipped():
        exports = [export for export in golden.exports() if export.format == name]
        real = sum(export.name.startswith("devlake") for export in exports) or ("an excerpt of a real log" if name == "servicenow" else "none")
        lines.append(f"| [{name}](#{name}) | {formats()[name].TITLE} | {len(exports)} | {real} |")
    for name, mapping in shipped().items():
        lines += ["", f"### {name}", "", inspect.cleandoc(formats()[name].__doc__ or ""), "", *_table(mapping)]
    return "\n".join([*lines, "", *_agreement()]) + "\n"


def _table(mapping: Mapping) -> list[str]:
    """What is taken for what: a line for each event, band and state that has words."""
    lines = ["| is | by |", "|---|---|"]
    for event in (*EVENTS, IGNORED):
        words = [f"{section} {_listed(table)}" for section in SECTIONS if (table := [word for word, meant in getattr(mapping, section).items() if meant == event])]
        if words:
            lines.append(f"| {'no event' if event == IGNORED else event} | {'; '.join(words)} |")
    for section, values in (("severity", BANDS), ("state", STATES)):
        for value in values:
            table = [word for word, meant in getattr(mapping, section).items() if meant == value]
            if table:
                lines.append(f"| {section} {value} | {_listed(table)} |")
    for name, column in {**mapping.fields.model_dump(), **mapping.columns.model_dump()}.items():
        if column:
            lines.append(f"| {name} | member `{column}` |")
    return lines


def _listed(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _agreement() -> list[str]:
    lines = [
        "## Agreement with Apache DevLake",
        "",
        "The real Jira issues and changelog rows in `tests/golden/trackers/jira`, read by us, against the status and assignee histories that Apache DevLake made of",
        "them: a transition, or an assignment, of ours against a row of theirs, by issue, instant and what it became.",
        "",
        "| file | history | DevLake | ours | the same |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| `{one.file}` | {one.history} | {len(one.theirs)} | {len(one.ours)} | {len(one.theirs & one.ours)} |" for one in agreement.comparisons()]
    lines += ["", "Every difference:", "", "| file | history | whose | issue | rows | reason |", "|---|---|---|---|---|---|"]
    lines += [f"| `{row['file']}` | {row['history']} | {row['side']} | {row['issue']} | {row['rows']} | {row['reason']} |" for row in agreement.listed()]
    return lines


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(render(), encoding="utf-8")
    else:
        print(render(), end="")
