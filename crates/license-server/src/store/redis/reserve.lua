-- Reserves a pool for the server that holds its lock in PostgreSQL. No heartbeat is answered here
-- until the server confirms the reservation.
--
-- KEYS: meta, renewed, seats
-- ARGV: epoch, version, token, is_new, generation, position, limit
--
-- `version` is that of the pool in PostgreSQL. `is_new` is 1 if no renewal of the pool can be here,
-- because its epoch in PostgreSQL is another one.
--
-- Returns LOST if renewals may be missing, and NEWER if the epoch here is newer than that of the
-- caller, who has lost the lock or uses a restored database. Otherwise returns HELD, the version,
-- the generation, and the renewals after `position`: the position of the last one, and sessions
-- with their seats. With `limit` renewals, there can be more: the server calls again with the last
-- position.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'version', 'generation', 'position')
local is_new = ARGV[4] == '1'
if is_new or meta[1] ~= ARGV[1] or not meta[2] or tonumber(meta[2]) > tonumber(ARGV[2]) then
    if meta[1] and tonumber(meta[1]) > tonumber(ARGV[1]) then
        return { 'NEWER' }
    end
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'reserved', ARGV[3])
    -- Without a version, the next reservation finds a loss, unless this one is confirmed. The caller
    -- may have lost its lock meanwhile, so even the deleted version of a new pool may be a loss.
    if is_new then
        return { 'HELD', '0', '', '0' }
    end
    return { 'LOST' }
end
redis.call('HSET', KEYS[1], 'reserved', ARGV[3])
local from = '-inf'
if meta[3] == ARGV[5] then
    from = '(' .. ARGV[6]
end
local renewed = redis.call('ZRANGEBYSCORE', KEYS[2], from, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[7])
local reply = { 'HELD', meta[2], meta[3], meta[4] }
for index = 1, #renewed, 2 do
    local seat = redis.call('HGET', KEYS[3], renewed[index])
    reply[4] = renewed[index + 1]
    reply[#reply + 1] = renewed[index]
    -- A seat that is missing ends the reply, which the server then refuses.
    reply[#reply + 1] = seat
end
return reply
