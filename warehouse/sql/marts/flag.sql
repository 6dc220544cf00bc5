-- One row per subject and failed expectation: what is wrong with it, since when, and whose it is.
-- key: expectation, subject_kind, subject_id, finding_id, cycle
-- subject_kind VARCHAR: finding, target, file, row, event, register, scanner, term, source, business_unit, team or law - what subject_id is an id of.
-- subject_id VARCHAR: Finding, target as scanned, claim of a file, claim and pointer of a row, observation, event, register and key, scanner, scanner with format and native term; of an early warning its kind and what it is about.
-- finding_id VARCHAR: Finding that it concerns; null where it concerns none, or several.
-- cycle INTEGER: Handoff cycle of that finding; null where it concerns none.
-- expectation VARCHAR: Expectation that does not hold, in mart.expectation_result.
-- failure_mode VARCHAR: Failure mode that it points to; for a broken SLA or window the cycle's primary one; else null.
-- severity VARCHAR: Band of the finding; null where it concerns none.
-- owner_id VARCHAR
-- team VARCHAR: Owning team of the finding's cycle; null where there is none.
-- detail VARCHAR: What is wrong, in a sentence.
-- evidence VARCHAR: The values that the rule looked at, as JSON.
-- first_flagged_at TIMESTAMP: First instant at which the rule failed, by the record (UTC).
-- suite VARCHAR: Suite of the expectation.
-- level VARCHAR: warning, or critical for a law of our own work.
SELECT
    subject_kind, subject_id, finding_id, cycle, expectation, failure_mode, severity, owner_id, team, detail, evidence, first_flagged_at, suite, level
FROM derived.flag
ORDER BY suite, expectation, subject_kind, subject_id, finding_id, cycle
