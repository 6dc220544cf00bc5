"""Closed lists of the field: bands, events, stages, modes, reasons. Order carries meaning where it says so."""

from __future__ import annotations

from typing import Final

#: Severity bands, most severe first. `unrated` is more severe than `informational`: it may still turn out to be anything.
BANDS: Final = ("critical", "high", "medium", "low", "unrated", "informational")
#: The bands that have a budget, a window and a verdict.
RATED_BANDS: Final = BANDS[:4]
BAND_RANK: Final = {band: rank for rank, band in enumerate(BANDS)}

#: Activity events in the order that breaks ties at one instant (ruling 5).
EVENTS: Final = (
    "enriched",
    "routed",
    "notified",
    "acknowledged",
    "acknowledgement_withdrawn",
    "triaged",
    "assigned",
    "reassigned",
    "commented",
    "in_progress",
    "resolved",
    "verified",
    "reopened",
    "withdrawn",
    "ticket_linked",
    "control_accepted",
    "control_attested",
    "control_expired",
    "declined",
)
EVENT_RANK: Final = {event: rank for rank, event in enumerate(EVENTS)}
#: Events whose target_person becomes the decision in force (ruling 35).
NAMING_EVENTS: Final = ("routed", "assigned", "reassigned")

#: The six stages of a handoff, in order; each dates itself by the cycle column of the same row in STAGE_COLUMNS.
STAGES: Final = ("capture", "enrichment", "routing", "dispatch", "acknowledgement", "triage_entry")
STAGE_COLUMNS: Final = ("captured_at", "enriched_at", "routed_at", "notified_at", "acknowledged_at", "triaged_at")

ORIGINS: Final = ("first_time", "reopened", "revalidation")

#: The five failure modes in stage order: the first that fires is the primary one.
FAILURE_MODES: Final = (
    "asset_binding_gap",
    "decayed_routing",
    "severity_mismatch",
    "notification_noise",
    "acknowledgement_ambiguity",
)

#: Binding states, best first (ruling 28).
BINDING_STATUSES: Final = ("bound", "retired", "ambiguous", "unbound")

CAPTURED_AT_SOURCES: Final = ("report", "sidecar", "report_date", "file")
CAPTURE_CHANNELS: Final = ("scanner", "manual", "third_party", "code_scan")
LOCATION_KINDS: Final = ("package", "web", "host", "code", "cloud", "none")
