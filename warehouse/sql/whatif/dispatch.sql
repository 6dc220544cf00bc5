-- One row per notification to a known person: when the record says that it reached them, and when it would have under the other digest window.
-- key: event_id
-- event_id VARCHAR: The notified event.
-- person_id VARCHAR: Whom it reaches.
-- severity VARCHAR: Most severe band of the handoffs that it is about, at that instant; null where it is about none that is known.
-- dispatched_at TIMESTAMP: When the record says that it was delivered (UTC).
-- status VARCHAR: at_once; in_digest; waits, for a digest after as_of; needless, where all its handoffs were acknowledged or ended before their digest.
-- delivered_at TIMESTAMP: When it would have been delivered (UTC); null where it waits or is needless. Those of one person and instant are one message.
-- delay_seconds DOUBLE: Wall seconds from dispatched_at to delivered_at.
SELECT
    event_id, person_id, severity, dispatched_at, status, delivered_at,
    (epoch_us(delivered_at) - epoch_us(dispatched_at)) / 1e6 AS delay_seconds
FROM other.derived.dispatch
ORDER BY ALL
