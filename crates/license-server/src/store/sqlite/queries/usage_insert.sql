INSERT OR IGNORE INTO usage_reports (tenant, number, digest, product, report, entries, received_at)
SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6 FROM usage_reports WHERE tenant = ?1
