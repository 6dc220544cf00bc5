-- One row per reference of events that matches no one finding, and finding that it may mean: what speaks for it. Evidence, never a match.
-- key: ref, finding_id
-- ref VARCHAR: What the events say that they are about.
-- finding_id VARCHAR: Finding that it may mean.
-- rank INTEGER: 1 for the candidate to look at first.
-- proposed_by VARCHAR: stated (it is one of several that have this id), spelling, beginning, named_id, named_place or named_vulnerability - in this order.
-- why VARCHAR: What speaks for it, in words.
-- is_proposed BOOLEAN: Whether this finding alone has the strongest evidence, and linking the reference to it would settle it - a link settles none that is already an id of several.
WITH waiting AS (
    SELECT
        ref, bool_or(status = 'ambiguous_ref') AS is_ambiguous,
        string_agg(DISTINCT concat_ws(' ', ticket, comment), ' ') AS said
    FROM derived.event
    WHERE finding_id IS NULL AND method <> 'own' AND status IN ('no_match', 'ambiguous_ref')
    GROUP BY ref
),
-- A ticket says in its title what it is about.
told AS (
    SELECT waiting.ref, waiting.is_ambiguous, concat_ws(' ', waiting.said, string_agg(DISTINCT ticket.title, ' ')) AS said
    FROM waiting
    LEFT JOIN derived.ticket ON ticket.ticket = waiting.ref
    GROUP BY waiting.ref, waiting.is_ambiguous, waiting.said
),
word AS (
    SELECT DISTINCT ref, lower(unnest(regexp_extract_all(said, '[A-Za-z0-9][A-Za-z0-9_:./-]{2,}[A-Za-z0-9]'))) AS word
    FROM told
),
own AS (
    SELECT finding_id, unnest(own_ids) AS own_id, is_open
    FROM derived.finding
),
-- Of an id what is left without case, blanks and punctuation.
spelt AS (
    SELECT finding_id, own_id AS id, lower(regexp_replace(own_id, '[^A-Za-z0-9]', '', 'g')) AS letters FROM own
    UNION ALL
    SELECT finding_id, concat(scanner, ':', own_id), lower(regexp_replace(concat(scanner, own_id), '[^A-Za-z0-9]', '', 'g'))
    FROM (SELECT DISTINCT own.finding_id, own.own_id, unnest(finding.scanners) AS scanner FROM own JOIN derived.finding USING (finding_id))
    UNION ALL
    SELECT finding_id, sighting_id, sighting_id FROM derived.sighting
),
vulnerable AS (
    SELECT finding_id, lower(unnest(vulnerability_ids)) AS vulnerability, [lower(target), lower(asset_id)] AS places
    FROM derived.finding
    WHERE is_open
),
-- A vulnerability that thousands of findings have is named by many tickets too: neither meets all of the other.
spread AS (
    SELECT vulnerability, count(*) AS findings FROM vulnerable GROUP BY vulnerability
),
rare AS (
    SELECT word.ref
    FROM word
    JOIN spread ON spread.vulnerability = word.word
    GROUP BY word.ref
    HAVING sum(spread.findings) <= 20
),
placed AS (
    SELECT finding_id, vulnerability, unnest(places) AS place FROM vulnerable
),
mention AS (
    SELECT word.ref, word.word AS vulnerability, place.word AS place
    FROM word
    SEMI JOIN spread ON spread.vulnerability = word.word
    JOIN (SELECT word.ref, word.word FROM word SEMI JOIN placed ON placed.place = word.word) AS place ON place.ref = word.ref
),
evidence AS (
    SELECT waiting.ref, own.finding_id, 'stated' AS evidence, format('{} is an id of it, and of others', waiting.ref) AS why
    FROM waiting
    JOIN own ON own.own_id = waiting.ref
    WHERE waiting.is_ambiguous
    UNION ALL
    SELECT waiting.ref, spelt.finding_id, 'spelling', format('its id {} has the same letters and digits', spelt.id)
    FROM waiting
    JOIN spelt ON spelt.letters = lower(regexp_replace(waiting.ref, '[^A-Za-z0-9]', '', 'g'))
    WHERE NOT waiting.is_ambiguous AND length(spelt.letters) >= 3
    UNION ALL
    SELECT waiting.ref, sighting.finding_id, 'beginning', format('its id {} begins with it', sighting.sighting_id)
    FROM waiting
    JOIN derived.sighting ON left(sighting.sighting_id, 8) = left(lower(waiting.ref), 8) AND starts_with(sighting.sighting_id, lower(waiting.ref))
    WHERE NOT waiting.is_ambiguous AND length(waiting.ref) BETWEEN 8 AND 31
    UNION ALL
    SELECT word.ref, spelt.finding_id, 'named_id', format('its id {} is named in the ticket or a comment', spelt.id)
    FROM word
    JOIN spelt ON lower(spelt.id) = word.word
    UNION ALL
    SELECT mention.ref, placed.finding_id, 'named_place', format('the ticket or a comment names {} and {}', upper(mention.vulnerability), min(mention.place))
    FROM mention
    JOIN placed USING (vulnerability, place)
    GROUP BY mention.ref, placed.finding_id, mention.vulnerability
    UNION ALL
    SELECT word.ref, vulnerable.finding_id, 'named_vulnerability', format('the ticket or a comment names {}', upper(vulnerable.vulnerability))
    FROM word
    SEMI JOIN rare ON rare.ref = word.ref
    JOIN vulnerable ON vulnerable.vulnerability = word.word
),
strongest AS (
    SELECT
        evidence.*, list_position(['stated', 'spelling', 'beginning', 'named_id', 'named_place', 'named_vulnerability'], evidence) AS strength
    FROM evidence
    QUALIFY row_number() OVER (PARTITION BY ref, finding_id ORDER BY strength, why) = 1
)
SELECT
    ref, finding_id,
    row_number() OVER (PARTITION BY ref ORDER BY strength, finding_id)::INTEGER AS rank,
    evidence AS proposed_by,
    why,
    strength = min(strength) OVER (PARTITION BY ref) AND count(*) OVER (PARTITION BY ref, strength) = 1 AND evidence <> 'stated' AND NOT is_ambiguous
        AND NOT regexp_matches(ref, '^\s*[=+@＝＋－＠-]|[\x00-\x1f]') AS is_proposed
FROM strongest
JOIN waiting USING (ref)
