SELECT customer, anchor, closed_until, first_day, changes, settled, is_anchor_fixed FROM usage_customers
WHERE tenant = ?1 AND (changes <> settled OR due_at <= ?2) ORDER BY due_at, customer LIMIT ?3
