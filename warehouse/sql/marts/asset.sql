-- One row per active asset at as_of, as the register has it.
-- key: asset_id
-- asset_id VARCHAR: The register's key.
-- name VARCHAR: Its name.
-- aliases VARCHAR[]: Other names; with name:, cidr: or path: a pattern.
-- kind VARCHAR: service, host, repository …, as the register says.
-- application VARCHAR
-- business_unit VARCHAR
-- environment VARCHAR
-- criticality VARCHAR: critical, high, medium, low or blank.
-- internet_facing BOOLEAN: Whether it can be reached from the internet; null where not said.
-- team VARCHAR: Team that the register has as its owner.
-- registered_at TIMESTAMP: Since when the register has known it (UTC); null for one that it always had.
SELECT asset_id, name, aliases, kind, application, business_unit, environment, criticality, internet_facing, owner_team AS team, registered_at
FROM derived.asset
