INSERT INTO billing_customers (tenant, provider, id, name, email, is_deleted, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (tenant, provider, id) DO UPDATE
SET name = excluded.name, email = excluded.email, is_deleted = excluded.is_deleted
