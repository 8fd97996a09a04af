SELECT counted_until FROM usage_cursors WHERE tenant = ?1
