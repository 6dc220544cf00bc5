-- What of the record answers the controls, and how much of each obligation's population does at as_of.
SELECT
    obligation, subject,
    count(*) AS population,
    count(*) FILTER (WHERE status = 'complete') AS complete,
    count(*) FILTER (WHERE status = 'exception') AS exceptions,
    count(*) FILTER (WHERE status = 'pending') AS pending
FROM mart.obligation
GROUP BY obligation, subject
ORDER BY obligation, subject
