DELETE FROM invitations
WHERE tenant = ?1 AND digest = ?2 AND email = ?3 AND expires_at > ?4
RETURNING role, is_mailed
