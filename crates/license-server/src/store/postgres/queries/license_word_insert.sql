INSERT INTO license_words (tenant, word, number, is_name)
SELECT $1::text, words.word, licenses.number, words.is_name
FROM licenses, unnest($3::text[], $4::bigint[]) AS words (word, is_name)
WHERE licenses.tenant = $1 AND licenses.id = $2
