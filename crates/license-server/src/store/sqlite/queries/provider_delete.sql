DELETE FROM identity_providers WHERE tenant = ?1 AND id = ?2 AND version = ?3
