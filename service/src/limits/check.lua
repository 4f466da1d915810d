-- Takes a request out of all of a subject's buckets, or out of none. bucket.rs holds the same arithmetic, and why.
-- KEYS[1]: the hash of the subject's buckets. ARGV: name and limit of each bucket.
-- Returns whether the request is admitted, and what is used of each bucket after it.
local COST = 60000000
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local names = {}
for i = 1, #ARGV, 2 do
  names[#names + 1] = ARGV[i]
end
local kept = redis.call('HMGET', KEYS[1], unpack(names))
local answer = { 1 }
for i = 1, #names do
  local limit = tonumber(ARGV[2 * i])
  local used = 0
  if kept[i] then
    local was, at = string.match(kept[i], '^(%d+) (%d+)$')
    local elapsed = math.min(math.max(now - tonumber(at), 0), COST)
    used = math.max(math.min(tonumber(was), limit * COST) - elapsed * limit, 0)
  end
  if used + COST > limit * COST then
    answer[1] = 0
  end
  answer[i + 1] = used
end
if answer[1] == 1 then
  local write = {}
  for i = 1, #names do
    answer[i + 1] = answer[i + 1] + COST
    write[#write + 1] = names[i]
    write[#write + 1] = string.format('%.0f %.0f', answer[i + 1], now)
  end
  redis.call('HSET', KEYS[1], unpack(write))
  -- After a minute all of them are full, and full is what is not there.
  redis.call('EXPIRE', KEYS[1], 61)
end
return answer
