INSERT INTO groups (tenant, id, name, created_at) VALUES (?1, ?2, ?3, ?4)
