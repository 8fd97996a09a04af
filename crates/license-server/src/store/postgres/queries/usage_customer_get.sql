SELECT customer, anchor, closed_until, first_day, changes, settled, is_anchor_fixed FROM usage_customers
WHERE tenant = $1 AND customer = $2
