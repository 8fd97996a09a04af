INSERT INTO usage_cursors (tenant, started_on, counted_until) VALUES (?1, ?2, ?3)
ON CONFLICT (tenant) DO NOTHING
