DELETE FROM sessions
WHERE account = $1 AND ($2::text IS NULL OR id = $2) AND ($3::text IS NULL OR id <> $3)
RETURNING id, organization
