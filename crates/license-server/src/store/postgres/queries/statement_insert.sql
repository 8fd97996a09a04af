INSERT INTO trust_statements (tenant, number, armor, imported_at)
SELECT $1, (SELECT coalesce(max(number), 0) + 1 FROM trust_statements WHERE tenant = $1), $2, $3
WHERE NOT EXISTS (SELECT 1 FROM trust_statements WHERE tenant = $1 AND armor = $2)
