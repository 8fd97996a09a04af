UPDATE usage_customers SET anchor = $3, is_anchor_fixed = 1, changes = changes + 1
WHERE tenant = $1 AND customer = $2
