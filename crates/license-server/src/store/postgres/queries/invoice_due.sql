SELECT id, kind, state, entity, year, number, content, seller, license_order, is_activated, license,
  created_at, created_by, issued_on, due_on, paid_on, payments, sent_at, reminded,
  credits, credited_by, next_at
FROM invoices WHERE tenant = $1 AND next_at <= $2
ORDER BY next_at, id LIMIT 100
