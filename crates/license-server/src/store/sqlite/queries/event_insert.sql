INSERT INTO events (tenant, seq, at, kind, subject, details) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
