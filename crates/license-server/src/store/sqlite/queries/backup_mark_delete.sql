DELETE FROM backup_marks
