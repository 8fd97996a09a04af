SELECT 1 FROM recovery_codes WHERE account = $1 AND digest = $2
