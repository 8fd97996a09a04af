SELECT is_on, changed_at FROM redis_epoch WHERE changed_at > 0
