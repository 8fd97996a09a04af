UPDATE licenses SET indexed = 1 WHERE tenant = $1 AND id = $2
