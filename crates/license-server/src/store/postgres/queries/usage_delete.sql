DELETE FROM usage_reports WHERE tenant = $1 AND number <= $2
