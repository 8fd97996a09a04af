UPDATE redis_epoch SET epoch = GREATEST(epoch + 1, $1), is_on = 0
