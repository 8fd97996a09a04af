SELECT target FROM moves WHERE moved_at IS NOT NULL
