INSERT OR REPLACE INTO backup_marks VALUES (1, CAST(unixepoch('subsec') * 1000 AS INTEGER))
