SELECT s.provider, s.id, s.customer, s.status, s.state, s.reason, s.until, s.tier, s.seats, s.license,
  s.is_held, s.period_start, s.period_end, s.cancel_at, s.created_at, s.changed_at, s.checked_at,
  s.fault, s.version
FROM billing_subscriptions s
JOIN billing_customers c
  ON c.tenant = s.tenant AND c.provider = s.provider AND c.id = s.customer
WHERE s.tenant = ?1 AND s.provider = ?2 AND (s.changed_at, s.id) < (?3, ?4)
  AND (?5 = '' OR s.state = ?5) AND (?6 = '' OR s.customer = ?6)
  AND (?7 = '' OR s.id = ?7 OR s.customer = ?7
    OR instr(lower(coalesce(c.name, '')), lower(?7)) > 0
    OR instr(lower(coalesce(c.email, '')), lower(?7)) > 0)
ORDER BY s.changed_at DESC, s.id DESC LIMIT ?8
