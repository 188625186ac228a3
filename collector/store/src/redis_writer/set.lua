-- Lists members in one sorted set of a cluster and takes others out, unless a later epoch has been
-- here: what a lost connection or an older process still sends must undo nothing. Answers for each
-- member "=" if nothing had to be done, else its score before, empty if it was not listed.
--
-- KEYS  1 the sorted set   2 its fence, the highest epoch that was here
-- ARGV  1 epoch, then members and the scores they must have, empty for none
local set, fence, epoch = KEYS[1], KEYS[2], tonumber(ARGV[1])

local seen = tonumber(redis.call('GET', fence) or '0')
if seen > epoch then
  return redis.error_reply('FENCED ' .. string.format('%d', seen))
end
if seen < epoch then
  redis.call('SET', fence, ARGV[1])
end

local told = {}
for i = 2, #ARGV, 2 do
  local member, wanted = ARGV[i], ARGV[i + 1]
  local before = redis.call('ZSCORE', set, member) or ''
  if before == wanted then
    told[#told + 1] = '='
  else
    if wanted == '' then
      redis.call('ZREM', set, member)
    else
      redis.call('ZADD', set, wanted, member)
    end
    told[#told + 1] = before
  end
end
return told
