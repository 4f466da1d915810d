-- Spends what a request has really taken, and gives back the rest of what it had set aside.
-- KEYS: as in reserve.lua. ARGV: 1 id of the request; 2 tokens; 3 millionths of money; 4 whether it is spent only where
-- something is still set aside: this was said before, and may have been done.
-- Returns 0 where Redis has forgotten the day: the store knows it, and is asked before the next request.
if redis.call('HEXISTS', KEYS[1], 'tokens') == 0 then
  return 0
end
local set_aside = redis.call('HGET', KEYS[1], ARGV[1])
if set_aside then
  local tokens, money = string.match(set_aside, '^(%d+) (%d+)$')
  -- From zero, since Redis takes no -0.
  redis.call('HINCRBY', KEYS[1], 'held_tokens', string.format('%.0f', 0 - tonumber(tokens)))
  redis.call('HINCRBY', KEYS[1], 'held_money', string.format('%.0f', 0 - tonumber(money)))
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
elseif ARGV[4] == '1' then
  return 1
end
redis.call('HINCRBY', KEYS[1], 'tokens', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'money', ARGV[3])
return 1
