SELECT number, armor, imported_at FROM trust_statements WHERE tenant = $1 ORDER BY number
