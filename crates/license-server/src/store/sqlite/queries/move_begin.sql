INSERT INTO moves (only, id, target) VALUES (1, ?1, ?2)
