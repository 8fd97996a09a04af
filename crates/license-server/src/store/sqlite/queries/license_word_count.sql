SELECT count(*) FROM (SELECT 1 FROM license_words
  WHERE tenant = ?1 AND word >= ?2 AND word < ?2 || char(1114111) LIMIT ?3)
