INSERT INTO usage_cursors (tenant, seats_event, seats_until, activations_until)
VALUES ($1, 0, 0, $2)
ON CONFLICT (tenant) DO UPDATE SET activations_until = excluded.activations_until
