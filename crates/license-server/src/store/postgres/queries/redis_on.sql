UPDATE redis_epoch SET epoch = epoch + 1, is_on = 1, run_id = $1, changed_at = $2 WHERE is_on = 0
