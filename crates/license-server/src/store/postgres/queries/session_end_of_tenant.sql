DELETE FROM sessions WHERE organization = $1
