UPDATE invoices
SET kind = ?3, state = ?4, entity = ?5, year = ?6, number = ?7, content = ?8, seller = ?9,
  license_order = ?10, is_activated = ?11, license = ?12, created_at = ?13,
  created_by = ?14, issued_on = ?15, due_on = ?16, paid_on = ?17, payments = ?18,
  sent_at = ?19, reminded = ?20, credits = ?21, credited_by = ?22, next_at = ?23,
  customer = ?24, currency = ?25, total = ?26
WHERE tenant = ?1 AND id = ?2
