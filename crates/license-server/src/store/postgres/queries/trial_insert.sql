INSERT INTO trials (tenant, id, state, email, customer, machine, is_exception, started_by, requested_at, started_at, ends_at,
  license, reminded, stopped_at, paid, closed_at, next_at,
  email_key, customer_key, machine_key, request, request_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
  $18, $19, $20, $21, $22)
