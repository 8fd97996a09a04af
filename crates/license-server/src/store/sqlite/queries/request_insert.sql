INSERT INTO idempotent_requests (tenant, caller, route, key, body, began_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
