-- One row per finding: one underlying vulnerability on one asset, however many scanners and scans saw it.
-- key: finding_id
-- finding_id VARCHAR
-- asset_id VARCHAR: Asset that it is on at as_of.
-- target VARCHAR
-- vulnerability_key VARCHAR: Canonical id (CVE before GHSA before vendor id, through aliases), else scanner|rule.
-- vulnerability_ids VARCHAR[]: Every identifier that its observations state, sorted.
-- cwe INTEGER[]: CWE numbers that its observations state, sorted.
-- cvss_vector VARCHAR: CVSS vector of the observation that set the band, else the earliest's.
-- known_exploited BOOLEAN: Whether a report or the catalogue says that it is exploited.
-- epss DOUBLE: Highest known probability of exploitation, 0 to 1.
-- location_kind VARCHAR: package, web, host, code, cloud or none.
-- location_key VARCHAR: The place, without what drifts (version, line).
-- title VARCHAR
-- severity VARCHAR: Workspace band at as_of; unrated and informational included.
-- severity_rule VARCHAR: The rule that set the band.
-- state VARCHAR: State of its last cycle; informational where it never had one.
-- first_captured_at TIMESTAMP: Earliest capture that is not informational (UTC); of a purely informational finding, the earliest.
-- last_captured_at TIMESTAMP: Latest capture (UTC).
-- cycles INTEGER: Handoff cycles so far.
-- is_open BOOLEAN: Whether its last cycle is open at as_of.
-- scanners VARCHAR[]: Scanners that ever saw it, sorted; informational results name none, unless there are no others.
-- own_ids VARCHAR[]
-- binding_status VARCHAR: bound, retired, ambiguous or unbound at as_of.
-- file_path VARCHAR: File of its earliest observation that has one.
-- observations INTEGER: Observations that count.
-- asset_criticality VARCHAR: Criticality of its asset at as_of, which sets the requirements of a CVSS score; null where the register says none.
-- is_internet_facing BOOLEAN: Whether its asset can be reached from the internet at as_of; null where the register does not say.
SELECT
    finding_id, asset_id, target, vulnerability_key, vulnerability_ids, cwe, cvss_vector, known_exploited, epss, location_kind, location_key, title,
    severity, severity_rule, state, first_captured_at, last_captured_at, cycles, is_open, scanners, own_ids, binding_status, file_path, observations,
    asset_criticality, is_internet_facing
FROM derived.finding
