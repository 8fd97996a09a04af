INSERT INTO usage_totals
  (tenant, seq, customer, period_start, period_end, meter, number, quantity, included, overage,
  booked_start, booked_end, recorded_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
ON CONFLICT DO NOTHING
