-- Notes that a replica is there, and says how many are.
-- KEYS[1]: the replicas, by when they were last heard of.
-- ARGV: this replica's id; how many seconds a replica counts after it was last heard of, 0 where this one goes.
local now = tonumber(redis.call('TIME')[1])
local counts_for = tonumber(ARGV[2])
if counts_for == 0 then
    redis.call('ZREM', KEYS[1], ARGV[1])
    return redis.call('ZCARD', KEYS[1])
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - counts_for)
redis.call('EXPIRE', KEYS[1], 2 * counts_for)
return redis.call('ZCARD', KEYS[1])
