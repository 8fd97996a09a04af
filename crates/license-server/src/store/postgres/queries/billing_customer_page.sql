SELECT id, name, email, is_deleted, created_at FROM billing_customers
WHERE tenant = $1 AND provider = $2 AND id > $3
ORDER BY id LIMIT $4
