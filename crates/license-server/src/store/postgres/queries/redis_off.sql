UPDATE redis_epoch SET epoch = epoch + 1, is_on = 0, changed_at = $2 WHERE epoch = $1 AND is_on = 1
