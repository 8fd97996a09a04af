SELECT id, settings, secret, version, created_at, changed_at, tenant
FROM identity_providers WHERE tenant = ?1 ORDER BY created_at, id
