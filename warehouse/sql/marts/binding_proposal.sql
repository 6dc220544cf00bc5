-- One row per target of an open finding that is bound to no active asset, and active asset that it may be: what speaks for it. Evidence, never a binding.
-- What is compared is letters and digits, the last part of a path or the first of a host name, rare findings, and neighbours by address or path.
-- key: target, asset_id
-- target VARCHAR: The asset as scanned.
-- binding_status VARCHAR: unbound, ambiguous or retired, at as_of.
-- asset_id VARCHAR: Active asset that it may be.
-- rank INTEGER: 1 for the candidate to look at first.
-- proposed_by VARCHAR: stated (it is one of several that go by the name), spelling, findings, short_name, neighbour or prefix - in this order, the strongest that speaks for it.
-- why VARCHAR: What speaks for it, in words.
-- is_proposed BOOLEAN: Whether this asset alone has the strongest evidence, that evidence is of the thing itself (spelling, findings, short_name), and an alias can say it.
WITH orphan AS (
    SELECT DISTINCT sighting.target, target.binding_status, target.candidates
    FROM derived.sighting
    JOIN derived.finding USING (finding_id)
    JOIN derived.target ON target.target = sighting.target
    WHERE finding.is_open AND finding.binding_status <> 'bound' AND target.binding_status <> 'bound'
),
-- Without scheme, user, query, digest, port or tag, and `.git`.
named AS (
    SELECT 'orphan' AS side, target AS subject, target AS name FROM orphan
    UNION
    SELECT 'asset', asset_id, unnest(list_concat([asset_id, name], list_filter(coalesce(aliases, []), lambda alias: NOT regexp_matches(alias, '^(?i)(name|cidr|path|asset|application):'))))
    FROM derived.asset
),
bare AS (
    SELECT
        side, subject, name,
        regexp_replace(regexp_replace(regexp_replace(
            lower(trim(name)), '^[a-z][a-z0-9+.-]*://([^@/]*@)?', ''), '[?#].*$', ''), '(@[a-z][a-z0-9+._-]*:[0-9a-f]+|(:[^/:]+)?/?|\.git/?)$', '') AS bare
    FROM named
    WHERE trim(name) <> ''
),
shaped AS (
    SELECT
        side, subject, name, bare,
        regexp_replace(bare, '[^a-z0-9]', '', 'g') AS letters,
        regexp_full_match(bare, '[0-9]{1,3}(\.[0-9]{1,3}){3}') AS is_address,
        CASE WHEN contains(bare, '/') THEN regexp_extract(bare, '([^/]+)$', 1) ELSE regexp_extract(bare, '^([^.]+)', 1) END AS short_name,
        -- Of a URL the host is a name too.
        regexp_extract(lower(trim(name)), '^[a-z][a-z0-9+.-]*://(?:[^@/]*@)?([^./:?#]+)\.[^/]', 1) AS host_name,
        CASE WHEN contains(bare, '/') THEN regexp_extract(bare, '^(.+)/[^/]+$', 1) ELSE regexp_extract(bare, '^[^.]+\.(.+\..+)$', 1) END AS prefix
    FROM bare
),
-- What many machines are called says nothing of one.
spoken AS (
    SELECT DISTINCT side, subject, name, said.*
    FROM shaped
    CROSS JOIN LATERAL (
        VALUES
            ('spelling', CASE WHEN length(letters) >= 3 THEN letters END),
            ('short_name', CASE WHEN NOT is_address AND length(short_name) >= 3 THEN short_name END),
            ('short_name', CASE WHEN NOT is_address AND length(host_name) >= 3 AND NOT regexp_full_match(host_name, '[0-9]+') THEN host_name END),
            ('neighbour', CASE WHEN is_address THEN regexp_extract(bare, '^(.+)\.[0-9]+$', 1) END),
            ('prefix', CASE WHEN NOT is_address AND length(prefix) >= 3 THEN prefix END)
    ) AS said (evidence, text)
    WHERE said.text IS NOT NULL
        AND said.text NOT IN (
            'www', 'api', 'app', 'web', 'mail', 'dev', 'test', 'stage', 'staging', 'prod', 'localhost', 'latest', 'main', 'service', 'server', 'host', 'login',
            'index', 'github', 'gitlab', 'bitbucket', 'registry', 'docker'
        )
),
-- A text that more assets share than this is a convention, no hint.
telling AS (
    SELECT * FROM spoken WHERE side = 'asset'
    QUALIFY count(DISTINCT subject) OVER (PARTITION BY evidence, text) <= 10
),
alike AS (
    SELECT orphan.subject AS target, telling.subject AS asset_id, orphan.evidence, min(telling.name) AS asset_name, min(orphan.text) AS text
    FROM spoken AS orphan
    JOIN telling USING (evidence, text)
    WHERE orphan.side = 'orphan'
    GROUP BY ALL
),
-- Findings that few assets have, seen on both.
seen AS (
    SELECT DISTINCT sighting.target, finding.vulnerability_key, finding.location_kind, finding.location_key
    FROM derived.sighting
    JOIN derived.finding USING (finding_id)
    SEMI JOIN orphan ON orphan.target = sighting.target
    WHERE finding.location_key <> ''
),
had AS (
    SELECT DISTINCT finding.asset_id, finding.vulnerability_key, finding.location_kind, finding.location_key
    FROM derived.finding
    SEMI JOIN derived.asset ON asset.asset_id = finding.asset_id
    SEMI JOIN seen USING (vulnerability_key, location_kind, location_key)
    WHERE finding.binding_status = 'bound'
    QUALIFY count(DISTINCT finding.asset_id) OVER (PARTITION BY finding.vulnerability_key, finding.location_kind, finding.location_key) <= 3
),
shared AS (
    SELECT seen.target, had.asset_id, count(*) AS findings
    FROM seen
    JOIN had USING (vulnerability_key, location_kind, location_key)
    GROUP BY ALL
),
totals AS (
    SELECT target, count(*) AS findings FROM seen GROUP BY target
),
evidence AS (
    SELECT target, unnest(candidates) AS asset_id, 'stated' AS evidence, format('{} active assets go by this name', len(candidates)) AS why
    FROM orphan
    WHERE binding_status = 'ambiguous'
    UNION ALL
    SELECT
        target, asset_id, evidence,
        CASE evidence
            WHEN 'spelling' THEN format('written as {} it has the same letters and digits', asset_name)
            WHEN 'short_name' THEN format('{} is also called {}', asset_name, text)
            WHEN 'neighbour' THEN format('{} is an address of the same network {}.0/24', asset_name, text)
            ELSE format('{} lies under {} too', asset_name, text)
        END
    FROM alike
    UNION ALL
    SELECT shared.target, shared.asset_id, 'findings', format('{} of its {} findings are also on this asset, at the same place, and on two others at most', shared.findings, totals.findings)
    FROM shared
    JOIN totals USING (target)
    WHERE shared.findings >= 3 AND 2 * shared.findings >= totals.findings
),
strongest AS (
    SELECT
        evidence.*, orphan.binding_status,
        list_position(['stated', 'spelling', 'findings', 'short_name', 'neighbour', 'prefix'], evidence.evidence) AS strength
    FROM evidence
    JOIN orphan USING (target)
    SEMI JOIN derived.asset ON asset.asset_id = evidence.asset_id
    QUALIFY row_number() OVER (PARTITION BY target, evidence.asset_id ORDER BY strength, why) = 1
)
SELECT
    target, binding_status, asset_id,
    row_number() OVER (PARTITION BY target ORDER BY strength, asset_id)::INTEGER AS rank,
    evidence AS proposed_by,
    why,
    strength = min(strength) OVER (PARTITION BY target) AND count(*) OVER (PARTITION BY target, strength) = 1 AND evidence IN ('spelling', 'findings', 'short_name')
        -- Of an alias `;` begins the next one, a prefix makes it a pattern, and what a spreadsheet computes is not written into a file for people.
        AND NOT regexp_matches(target, ';|^(?i)(name|cidr|path|asset|application):|^\s*[=+@＝＋－＠-]|[\x00-\x1f]') AS is_proposed
FROM strongest
