UPDATE sessions SET organization = ?2 WHERE id = ?1
