INSERT INTO license_words (tenant, word, number, is_name)
SELECT ?1, ?3, number, ?4 FROM licenses WHERE tenant = ?1 AND id = ?2
