SELECT count(*) FROM trials
WHERE tenant = $1 AND email = $2 AND state = 'requested' AND request_until > $3
