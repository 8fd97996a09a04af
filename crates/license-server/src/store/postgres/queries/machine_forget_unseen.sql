DELETE FROM machines WHERE tenant = $1 AND last_seen < $2
