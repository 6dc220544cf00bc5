-- What the directory says at as_of that cannot be followed: managers in a circle, aliases and addresses of several people, zones that are none,
-- and those above the owners of open handoffs who cannot be told. `standing`: what the subject is where it is a person.
SELECT
    'person' AS subject_kind, concat_ws(': ', directory_issue.issue, directory_issue.subject) AS subject_id, NULL::VARCHAR AS finding_id, NULL::INTEGER AS cycle,
    coalesce(directory_issue.since_at, parameter.as_of) AS since_at,
    directory_issue.issue, directory_issue.subject, array_to_string(directory_issue.person_ids, ', ') AS people,
    coalesce(person.standing, 'unknown_person') AS standing
FROM derived.directory_issue
CROSS JOIN derived.parameter
LEFT JOIN derived.person ON person.person_id = directory_issue.subject
