INSERT INTO billing_marks (tenant, provider, reconciled_at) VALUES ($1, $2, $3)
ON CONFLICT (tenant, provider) DO UPDATE SET reconciled_at = excluded.reconciled_at
