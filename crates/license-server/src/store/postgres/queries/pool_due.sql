SELECT pool FROM pools
WHERE tenant = $1 AND deadline_lease <= (SELECT now_lease FROM lease_clock)
ORDER BY pool
