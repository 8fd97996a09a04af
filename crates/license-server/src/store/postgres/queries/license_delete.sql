DELETE FROM licenses WHERE tenant = $1 AND id = $2
