INSERT OR IGNORE INTO trust_statements (tenant, number, armor, imported_at)
SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3 FROM trust_statements WHERE tenant = ?1
