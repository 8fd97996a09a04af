SELECT 1 FROM deleted_tenants WHERE id = ?1
