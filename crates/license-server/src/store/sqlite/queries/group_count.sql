SELECT count(*) FROM groups WHERE tenant = ?1
