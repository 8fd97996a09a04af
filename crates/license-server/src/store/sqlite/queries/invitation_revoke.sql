DELETE FROM invitations WHERE tenant = ?1 AND created_by = ?2
