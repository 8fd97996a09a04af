DELETE FROM trials WHERE tenant = $1 AND state = 'requested' AND request_until <= $2
