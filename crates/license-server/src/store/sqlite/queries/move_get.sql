SELECT id FROM moves
