UPDATE pools SET terms = ?3 WHERE tenant = ?1 AND pool = ?2
