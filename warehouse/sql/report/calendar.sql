-- Calendars of the policy, and the teams that have one of their own.
WITH named AS (
    SELECT unnest(json_keys(policy.policy, '$.calendars')) AS calendar, policy.policy
    FROM report_parameter
    JOIN record.policy AS policy USING (policy_digest)
),
teams AS (
    SELECT unnest(json_keys(policy.policy, '$.team_calendars')) AS team, policy.policy
    FROM report_parameter
    JOIN record.policy AS policy USING (policy_digest)
),
given AS (
    SELECT json_extract_string(policy, '$.team_calendars."' || team || '"') AS calendar, count(*) AS teams
    FROM teams
    GROUP BY calendar
)
SELECT
    named.calendar,
    json_extract_string(policy, '$.calendars."' || named.calendar || '".time_zone') AS time_zone,
    json_extract_string(policy, '$.calendars."' || named.calendar || '".days')::VARCHAR[] AS days,
    json_extract_string(policy, '$.calendars."' || named.calendar || '".windows')::VARCHAR[] AS windows,
    json_array_length(policy, '$.calendars."' || named.calendar || '".holidays') AS holidays,
    json_extract_string(policy, '$.calendars."' || named.calendar || '".holiday_region') AS holiday_region,
    coalesce(given.teams, 0) AS teams
FROM named
LEFT JOIN given ON given.calendar = named.calendar
ORDER BY named.calendar
