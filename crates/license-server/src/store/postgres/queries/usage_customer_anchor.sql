UPDATE usage_customers SET anchor = $3, changes = changes + 1
WHERE tenant = $1 AND customer = $2
