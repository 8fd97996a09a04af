INSERT INTO invitations (tenant, id, email, role, digest, created_at, created_by, expires_at, is_mailed)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
