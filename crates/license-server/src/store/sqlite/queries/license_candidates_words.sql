AND number IN (SELECT words.number FROM license_words AS words
  WHERE words.tenant = ?1 AND words.word >= ?13 ->> 0 AND words.word < (?13 ->> 0) || char(1114111))
