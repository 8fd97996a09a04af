SELECT body, status, content_type, response,
  node = $5, EXISTS (SELECT 1 FROM nodes WHERE nodes.node = idempotent_requests.node)
FROM idempotent_requests WHERE tenant = $1 AND caller = $2 AND route = $3 AND key = $4
FOR UPDATE OF idempotent_requests
