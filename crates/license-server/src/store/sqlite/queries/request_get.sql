SELECT body, status, content_type, response
FROM idempotent_requests WHERE tenant = ?1 AND caller = ?2 AND route = ?3 AND key = ?4
