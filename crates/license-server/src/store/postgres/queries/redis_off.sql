UPDATE redis_epoch SET epoch = epoch + 1, is_on = 0 WHERE epoch = $1 AND is_on = 1
