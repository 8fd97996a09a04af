INSERT INTO identity_providers (tenant, id, settings, secret, version, created_at, changed_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
