UPDATE usage_sendings SET state = $3
WHERE tenant = $1 AND id = $2 AND state = 'uncertain'
