SELECT started_on FROM usage_cursors WHERE tenant = $1
