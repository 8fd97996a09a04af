-- Stores a token, unless the generation is full.
--
-- KEYS: current
-- ARGV: name, token, limit
if redis.call('HLEN', KEYS[1]) < tonumber(ARGV[3]) then
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
return 1
