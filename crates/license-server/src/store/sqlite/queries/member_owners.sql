SELECT count(*) FROM members WHERE tenant = ?1 AND role = 'owner'
