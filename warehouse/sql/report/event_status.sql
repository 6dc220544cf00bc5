-- Events by whether they counted, and why not.
SELECT status, count(*) AS events
FROM mart.event
GROUP BY status
ORDER BY events DESC, status
