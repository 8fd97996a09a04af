SELECT id, email, role, digest, created_at, created_by, expires_at, is_mailed
FROM invitations WHERE tenant = $1 AND expires_at > $2 ORDER BY created_at, id
