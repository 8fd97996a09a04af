SELECT count(*) FROM activations
WHERE tenant = $1 AND license = $2 AND state = 'waiting'
