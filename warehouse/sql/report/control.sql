-- Controls of the frameworks and the state of their evidence at as_of.
SELECT framework, control, title, subject, population, complete_chains, exceptions, pending, complete_rate, oldest_exception_at
FROM mart.control_evidence
ORDER BY framework, control
