INSERT INTO anomalies (tenant, id, kind, license, seen, threshold, first_at, last_at, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 'open')
