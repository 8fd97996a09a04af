SELECT made_at FROM backup_marks
