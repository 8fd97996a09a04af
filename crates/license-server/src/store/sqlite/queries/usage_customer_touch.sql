INSERT INTO usage_customers (tenant, customer, first_day, changes, settled, due_at)
VALUES (?1, ?2, ?3, 1, 0, 0)
ON CONFLICT (tenant, customer) DO UPDATE
SET changes = usage_customers.changes + 1, first_day = min(usage_customers.first_day, excluded.first_day)
