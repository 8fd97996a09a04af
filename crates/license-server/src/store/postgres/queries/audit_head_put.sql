INSERT INTO audit_heads (tenant, seq, hash) VALUES ($1, $2, $3)
ON CONFLICT (tenant) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
