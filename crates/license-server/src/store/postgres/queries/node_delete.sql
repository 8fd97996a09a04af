DELETE FROM nodes WHERE node = $1
