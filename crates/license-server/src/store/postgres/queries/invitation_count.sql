SELECT count(*) FROM invitations WHERE tenant = $1
