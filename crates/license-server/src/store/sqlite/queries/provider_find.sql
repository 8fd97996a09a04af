SELECT id, settings, secret, version, created_at, changed_at, tenant
FROM identity_providers WHERE id = ?1
