-- Takes over the changes that PostgreSQL has committed, and ends the reservation.
--
-- KEYS: meta, until, renewed, seats, leases
-- ARGV: token, is_replacing, is_last, version, now, deadline, terms, usage, count of deletions,
--       the sessions to delete, and for each lease: session, seat, lease, end (empty: a heartbeat
--       of this lease needs PostgreSQL)
--
-- `is_replacing` is 1 if the leases are all leases of the pool, and this is their first part.
-- Until the last part, the pool stays reserved.
--
-- Returns the position of the last change, or -1 if another server has reserved the pool since.
local meta = redis.call('HMGET', KEYS[1], 'reserved', 'now', 'position')
if meta[1] ~= ARGV[1] then
    return -1
end
local position = tonumber(meta[3] or '0')
if ARGV[2] == '1' then
    redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
    -- Without a version, a server that stops before the last part leaves a loss behind.
    redis.call('HDEL', KEYS[1], 'version')
    position = 0
    redis.call('HSET', KEYS[1], 'generation', ARGV[1])
end
local puts = 10 + tonumber(ARGV[9])
for index = 10, puts - 1 do
    local session = ARGV[index]
    redis.call('ZREM', KEYS[2], session)
    redis.call('ZREM', KEYS[3], session)
    redis.call('HDEL', KEYS[4], session)
    redis.call('HDEL', KEYS[5], session)
end
for index = puts, #ARGV, 4 do
    local session, ends = ARGV[index], ARGV[index + 3]
    position = position + 1
    redis.call('ZADD', KEYS[3], string.format('%.0f', position), session)
    redis.call('HSET', KEYS[4], session, ARGV[index + 1])
    redis.call('HSET', KEYS[5], session, ARGV[index + 2])
    if ends == '' then
        redis.call('ZREM', KEYS[2], session)
    else
        redis.call('ZADD', KEYS[2], ends, session)
    end
end
redis.call('HSET', KEYS[1], 'position', string.format('%.0f', position))
if ARGV[3] == '1' then
    -- PostgreSQL has the events of the leases that are late by now.
    redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[5])
    local now = math.max(tonumber(ARGV[5]), tonumber(meta[2] or '0'))
    redis.call('HSET', KEYS[1], 'reserved', '', 'version', ARGV[4], 'now',
        string.format('%.0f', now), 'deadline', ARGV[6], 'terms', ARGV[7], 'usage', ARGV[8])
end
return position
