INSERT INTO identities (tenant, issuer, subject, account, email, departments, created_at, used_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
ON CONFLICT (tenant, issuer, subject) DO UPDATE
SET email = excluded.email, departments = excluded.departments, used_at = excluded.used_at
