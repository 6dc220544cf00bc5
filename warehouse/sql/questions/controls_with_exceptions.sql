-- Which controls does the record not fully answer?
-- Controls of the frameworks with at least one exception at as_of, the least complete first. complete_rate (0 to 1) leaves out what is not yet due; `handoff evidence CONTROL` writes the pack.
-- key: framework, control
-- framework VARCHAR: Framework and version.
-- control VARCHAR: The control's id in it.
-- title VARCHAR: The control's title.
-- population BIGINT: Subjects: complete + exceptions + pending.
-- exceptions BIGINT: Subjects that fail an obligation.
-- pending BIGINT: Subjects that are not yet due.
-- complete_rate DOUBLE: complete / (complete + exceptions).
-- oldest_exception_at TIMESTAMP: When the oldest exception failed (UTC).
SELECT framework, control, title, population, exceptions, pending, complete_rate, oldest_exception_at
FROM mart.control_evidence
WHERE exceptions > 0
ORDER BY complete_rate, framework, control
