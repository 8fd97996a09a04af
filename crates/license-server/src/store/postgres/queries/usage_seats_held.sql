SELECT pool, held FROM pools WHERE tenant = $1 AND held > 0 ORDER BY pool
