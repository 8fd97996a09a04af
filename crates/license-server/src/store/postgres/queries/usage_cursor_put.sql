UPDATE usage_cursors SET counted_until = $2 WHERE tenant = $1 AND counted_until < $2
