INSERT INTO moves (only, id, target) VALUES (1, ?1, ?2)
ON CONFLICT (only) DO UPDATE SET target = excluded.target
