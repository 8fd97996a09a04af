(SELECT DISTINCT words.number AS candidate FROM license_words AS words
    WHERE words.tenant = $1 AND words.word >= $16 AND words.word < $16::text || chr(1114111)) AS candidates
  JOIN license_terms ON license_terms.tenant = $1 AND license_terms.number = candidates.candidate
