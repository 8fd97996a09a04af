INSERT INTO invoices (tenant, id, kind, state, entity, year, number, content, seller, license_order, is_activated, license,
  created_at, created_by, issued_on, due_on, paid_on, payments, sent_at, reminded, credits, credited_by, next_at,
  customer, currency, total)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
  $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)
