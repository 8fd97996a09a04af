UPDATE usage_customers SET anchor = ?3, closed_until = ?4, settled = ?5, due_at = ?6
WHERE tenant = ?1 AND customer = ?2 AND anchor IS NOT DISTINCT FROM ?7
  AND closed_until IS NOT DISTINCT FROM ?8 AND settled = ?9
