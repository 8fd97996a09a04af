DELETE FROM trials WHERE tenant = ?1 AND id = ?2 AND state = 'issuing'
