INSERT INTO usage_cursors (tenant, seats_event, seats_until, activations_until)
VALUES (?1, ?2, ?3, 0)
ON CONFLICT (tenant) DO UPDATE SET seats_event = excluded.seats_event, seats_until = excluded.seats_until
WHERE excluded.seats_event >= usage_cursors.seats_event
  AND excluded.seats_until > usage_cursors.seats_until
