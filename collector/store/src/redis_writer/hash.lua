-- Brings one hash of a cluster to the given version. Answers what became of it, then the segments that
-- the hash listed before and since when: "stale" (Redis holds a higher version, nothing is done),
-- "equal" (as high a one, nothing is done), "new" (there was none, it is written) or "written".
--
-- KEYS  1 the hash
-- ARGV  1 mode   2 version   3 seconds to live, then the hash's fields and values
-- mode  "write"    refuse a version that is not higher
--       "rebuild"  refuse only a lower one
local key, mode, version, ttl = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])

-- Versions exceed what a Lua number holds exactly, so they are compared as decimal text.
local function below(a, b)
  return #a < #b or (#a == #b and a < b)
end

local stored = redis.call('HGET', key, 'v')
if stored and below(version, stored) then
  return { 'stale' }
end
if mode == 'write' and stored == version then
  return { 'equal' }
end

local told = { stored and 'written' or 'new' }
local hash = stored and redis.call('HGETALL', key) or {}
for i = 1, #hash, 2 do
  if string.sub(hash[i], 1, 4) == 'seg:' then
    told[#told + 1] = string.sub(hash[i], 5)
    told[#told + 1] = hash[i + 1]
  end
end

redis.call('DEL', key)
if ttl > 0 then
  for i = 4, #ARGV, 1000 do -- bounded by Lua's stack
    redis.call('HSET', key, unpack(ARGV, i, math.min(i + 999, #ARGV)))
  end
  redis.call('EXPIRE', key, ttl)
end
return told
