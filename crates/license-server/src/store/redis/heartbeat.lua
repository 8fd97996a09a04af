-- Renews a lease, if nothing but this renewal can happen to the pool at this time.
--
-- KEYS: meta, until, renewed, seats, leases
-- ARGV: epoch, terms, now, session, instance, seq, valid_for, margin
--
-- Returns nil if PostgreSQL must decide. Otherwise returns the time, the seat with the new times,
-- the lease as PostgreSQL has it, and the usage of the pool.
--
-- Numbers are doubles. All of them are integers below 2^53, and '%.0f' prints them exactly.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'terms', 'reserved', 'now', 'deadline', 'usage',
    'position')
if meta[1] ~= ARGV[1] or meta[2] ~= ARGV[2] or meta[3] ~= '' then
    return false
end
-- The time of a pool never goes back.
local now = math.max(tonumber(ARGV[3]), tonumber(meta[4]))
if now > tonumber(meta[5]) then
    return false
end
-- If a lease becomes late, this is an event.
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if not first[2] or tonumber(first[2]) < now then
    return false
end
local session, instance = ARGV[4], ARGV[5]
if not redis.call('ZSCORE', KEYS[2], session) then
    return false
end
local seat = redis.call('HGET', KEYS[4], session)
local seq, ends, free_at, instances = string.match(seat, '^(%d+) (%d+) (%d+)(.*)$')
if not seq then
    return redis.error_reply('ERR expected the times of a lease')
end
if seq ~= ARGV[6] then
    return false
end
local before, own, after = string.match(instances, '^(.* ' .. instance .. ' )(%d+)(.*)$')
if not own then
    return false
end
local until_now = now + tonumber(ARGV[7])
local free_now = until_now + tonumber(ARGV[8])
local function latest(stored, renewed)
    return string.format('%.0f', math.max(tonumber(stored), renewed))
end
ends = latest(ends, until_now)
seat = seq .. ' ' .. ends .. ' ' .. latest(free_at, free_now) .. before .. latest(own, free_now)
    .. after
local position = string.format('%.0f', tonumber(meta[7]) + 1)
local time = string.format('%.0f', now)
redis.call('HSET', KEYS[1], 'now', time, 'position', position)
redis.call('ZADD', KEYS[2], ends, session)
redis.call('ZADD', KEYS[3], position, session)
redis.call('HSET', KEYS[4], session, seat)
return { time, seat, redis.call('HGET', KEYS[5], session), meta[6] }
