SELECT pool FROM seat_policies WHERE tenant = $1 ORDER BY pool
