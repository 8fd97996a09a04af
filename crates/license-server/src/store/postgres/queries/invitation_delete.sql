DELETE FROM invitations WHERE tenant = $1 AND id = $2
RETURNING id, email, role, digest, created_at, created_by, expires_at, is_mailed
