UPDATE identity_providers SET settings = ?3, secret = ?4, version = ?5, changed_at = ?6
WHERE tenant = ?1 AND id = ?2 AND version = ?5 - 1
