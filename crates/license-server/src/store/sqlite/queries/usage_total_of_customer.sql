SELECT seq, customer, period_start, period_end, meter, number, quantity, included, overage,
  booked_start, booked_end, recorded_at
FROM usage_totals WHERE tenant = ?1 AND customer = ?2 AND period_start >= ?3 ORDER BY seq
