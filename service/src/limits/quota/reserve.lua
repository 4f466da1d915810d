-- Sets aside what a request can take at most, if a day's quota has as much left.
-- KEYS[1]: the day's account, a hash of the totals and of what each request has set aside. KEYS[2]: when those expire.
-- ARGV: 1 id of the request, or '' to look only; 2 tokens; 3 millionths of money; 4, 5 the quotas, -1 for none;
-- 6 how long it is set aside, in ms; 7, 8 what the replica has spent meanwhile on its own; 9, 10 what the store knows
-- of the day, where it was asked.
-- Returns 1 if it is set aside, 0 if not, -1 if the store has to be asked first; then what is spent and what is set aside.
local KEPT = 172800
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'money', 'held_tokens', 'held_money')
if not kept[1] and not ARGV[9] then
  return { -1, 0, 0, 0, 0 }
end
local tokens = tonumber(kept[1] or ARGV[9])
local money = tonumber(kept[2] or ARGV[10])
if kept[1] then
  tokens = tokens + tonumber(ARGV[7])
  money = money + tonumber(ARGV[8])
end
local held_tokens = tonumber(kept[3] or 0)
local held_money = tonumber(kept[4] or 0)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1000)) do
  local set_aside = redis.call('HGET', KEYS[1], id)
  if set_aside then
    local its_tokens, its_money = string.match(set_aside, '^(%d+) (%d+)$')
    held_tokens = held_tokens - tonumber(its_tokens)
    held_money = held_money - tonumber(its_money)
    redis.call('HDEL', KEYS[1], id)
  end
  redis.call('ZREM', KEYS[2], id)
end
local function fits(used, more, quota)
  return quota < 0 or used + more <= quota
end
local admitted = 0
if fits(tokens + held_tokens, tonumber(ARGV[2]), tonumber(ARGV[4]))
  and fits(money + held_money, tonumber(ARGV[3]), tonumber(ARGV[5])) then
  admitted = 1
end
if admitted == 1 and ARGV[1] ~= '' then
  held_tokens = held_tokens + tonumber(ARGV[2])
  held_money = held_money + tonumber(ARGV[3])
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
  redis.call('ZADD', KEYS[2], now + tonumber(ARGV[6]), ARGV[1])
  redis.call('EXPIRE', KEYS[2], KEPT)
end
local function whole(number)
  return string.format('%.0f', number)
end
redis.call('HSET', KEYS[1], 'tokens', whole(tokens), 'money', whole(money),
  'held_tokens', whole(held_tokens), 'held_money', whole(held_money))
redis.call('EXPIRE', KEYS[1], KEPT)
return { admitted, tokens, money, held_tokens, held_money }
