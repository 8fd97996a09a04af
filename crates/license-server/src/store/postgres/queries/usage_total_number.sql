SELECT coalesce(max(seq), 0) + 1 FROM usage_totals WHERE tenant = $1
