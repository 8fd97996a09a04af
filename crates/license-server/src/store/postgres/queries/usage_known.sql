SELECT 1 FROM usage_reports WHERE tenant = $1 AND digest = $2
