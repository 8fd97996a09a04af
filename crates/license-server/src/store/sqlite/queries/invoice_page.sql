SELECT id, kind, state, entity, year, number, content, seller, license_order, is_activated, license,
  created_at, created_by, issued_on, due_on, paid_on, payments, sent_at, reminded,
  credits, credited_by, next_at
FROM invoices
WHERE tenant = ?1 AND (?2 = '' OR id < ?2) AND (?3 = '' OR state = ?3)
ORDER BY id DESC LIMIT ?4
