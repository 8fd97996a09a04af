SELECT count(*) FROM (SELECT 1 FROM license_words
  WHERE tenant = $1 AND word >= $2 AND word < $2::text || chr(1114111) LIMIT $3::bigint) AS found
