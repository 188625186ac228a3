-- Brings one person's keys to the given version: the hashes under all ids, the segments' sorted
-- sets and the change stream, in one step. Answers 1 if written, 0 if Redis holds as new a version.
--
-- KEYS  1 the hash of the member; further ones hold the same content under other ids
-- ARGV  1 prefix "sl:<project>:"   2 mode   3 member   4 its sorted-set shard
--       5 all segment keys, joined by commas
--       6 version   7 seconds to live   8 as_of   9 entries of the stream   10 number of known exits
--       then each exit's segment and time, then the hash's fields and values
-- mode  "write"    refuse a version that is not higher; the stored hash tells the memberships so far
--       "rebuild"  refuse only a lower one; the sorted sets tell the memberships so far
--       "unlist"   only take the member, a device that became part of a person, out of all sets
local prefix, mode, member, shard, segments = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local function set_of(segment)
  return prefix .. 'seg:' .. segment .. ':' .. shard
end

if mode == 'unlist' then
  for segment in string.gmatch(segments, '[^,]+') do
    redis.call('ZREM', set_of(segment), member)
  end
  return 1
end

local version, ttl, as_of, stream_max = ARGV[6], tonumber(ARGV[7]), ARGV[8], ARGV[9]

-- Versions exceed what a Lua number holds exactly, so they are compared as decimal text.
local function below(a, b)
  return #a < #b or (#a == #b and a < b)
end

local stored = redis.call('HGET', KEYS[1], 'v')
if stored and (below(version, stored) or (mode == 'write' and version == stored)) then
  return 0
end

-- What Redis has listed so far: segment -> entered_at, and the segments in a fixed order.
local listed, order = {}, {}
local function note(segment, entered_at)
  if not listed[segment] then
    order[#order + 1] = segment
  end
  listed[segment] = entered_at
end
if stored then
  local hash = redis.call('HGETALL', KEYS[1])
  for i = 1, #hash, 2 do
    if string.sub(hash[i], 1, 4) == 'seg:' then
      note(string.sub(hash[i], 5), hash[i + 1])
    end
  end
end
-- An expired or lost hash tells nothing, but the member may still be listed.
if not stored or mode == 'rebuild' then
  for segment in string.gmatch(segments, '[^,]+') do
    local entered_at = redis.call('ZSCORE', set_of(segment), member)
    if entered_at then
      note(segment, entered_at)
    else
      listed[segment] = nil
    end
  end
end

local exits, first = {}, 11
for _ = 1, tonumber(ARGV[10]) do
  exits[ARGV[first]] = ARGV[first + 1]
  first = first + 2
end
local wanted, entered = {}, {}
for i = first, #ARGV, 2 do
  if string.sub(ARGV[i], 1, 4) == 'seg:' then
    local segment = string.sub(ARGV[i], 5)
    wanted[segment] = ARGV[i + 1]
    entered[#entered + 1] = segment
  end
end

local function announce(segment, change, at)
  redis.call('XADD', prefix .. 'changes', 'MAXLEN', '~', stream_max, '*',
    'id', member, 'segment', segment, 'change', change, 'at', at, 'v', version)
end

for _, segment in ipairs(order) do
  if listed[segment] and not wanted[segment] then
    redis.call('ZREM', set_of(segment), member)
    announce(segment, 'exit', exits[segment] or as_of)
  end
end
for _, segment in ipairs(entered) do
  local before, now = listed[segment], wanted[segment]
  if before ~= now then
    redis.call('ZADD', set_of(segment), now, member)
    if before and exits[segment] then
      announce(segment, 'exit', exits[segment]) -- left and came back between two writes
    end
    if not before or exits[segment] then
      announce(segment, 'enter', now)
    end
  end
end

for _, key in ipairs(KEYS) do
  -- Written anew rather than field by field: what vanished is gone, and the order is always the same.
  redis.call('DEL', key)
  if ttl > 0 then
    for i = first, #ARGV, 1000 do -- bounded by Lua's stack
      redis.call('HSET', key, unpack(ARGV, i, math.min(i + 999, #ARGV)))
    end
    redis.call('EXPIRE', key, ttl)
  end
end
return 1
