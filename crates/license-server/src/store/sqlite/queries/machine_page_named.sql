SELECT license, machine, version, first_seen, last_seen
FROM machines WHERE tenant = ?1 AND machine >= ?2 AND machine < ?2 || char(1114111)
  AND (machine, license) > (?3, ?4)
ORDER BY machine, license LIMIT ?5
