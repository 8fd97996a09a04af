SELECT id, email, role, digest, created_at, created_by, expires_at, is_mailed, tenant
FROM invitations WHERE digest = $1
