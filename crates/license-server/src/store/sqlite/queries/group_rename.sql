UPDATE groups SET name = ?3 WHERE tenant = ?1 AND id = ?2
