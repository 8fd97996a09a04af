-- The 16th value is the word that all candidates have, if the search reads candidates only.
SELECT licenses.number, id, pool, key, short_key, product, customer, token, installed_at,
  (SELECT json_group_array(license) FROM superseded_licenses AS replaced
   WHERE replaced.tenant = licenses.tenant AND replaced.successor = licenses.id),
  EXISTS (SELECT 1 FROM superseded_licenses AS replaced
   WHERE replaced.tenant = licenses.tenant AND replaced.license = licenses.id),
  found.sort_key
FROM (
  SELECT {key} AS sort_key, number FROM {source}
  WHERE license_terms.tenant = ?1
    AND is_revoked BETWEEN ?2 AND ?3
    AND replaced_at BETWEEN ?4 AND ?5
    AND ends_at BETWEEN ?6 AND ?7
    AND starts_at BETWEEN ?8 AND ?9
    AND (?10 IS NULL OR tier = ?10)
    AND ({key}, number) {after} (?11, ?12)
    AND (?13 = '[]' OR NOT EXISTS (SELECT 1 FROM json_each(?13) AS searched WHERE NOT EXISTS (
      SELECT 1 FROM license_words AS words
      WHERE words.tenant = ?1 AND words.number = license_terms.number
        AND words.word >= searched.value AND words.word < searched.value || char(1114111))))
    AND (?14 = '[]' OR NOT EXISTS (SELECT 1 FROM json_each(?14) AS searched WHERE NOT EXISTS (
      SELECT 1 FROM license_words AS words
      WHERE words.tenant = ?1 AND words.number = license_terms.number AND words.is_name = 1
        AND words.word >= searched.value AND words.word < searched.value || char(1114111))))
    AND ?16 IS ?16
  ORDER BY {key} {direction}, number {direction} LIMIT ?15
) AS found JOIN licenses ON licenses.tenant = ?1 AND licenses.number = found.number
ORDER BY found.sort_key {direction}, found.number {direction}
