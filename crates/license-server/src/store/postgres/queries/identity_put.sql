INSERT INTO database_identity ("only", identity) VALUES (1, $1)
ON CONFLICT ("only") DO UPDATE SET identity = excluded.identity
