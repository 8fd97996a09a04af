AND number IN (SELECT words.number FROM license_words AS words
  WHERE words.tenant = $1 AND words.word >= ($13::text[])[1] AND words.word < ($13::text[])[1] || chr(1114111))
