-- ABANDON: KEYS lease, result, marks. ARGV run, 1 for a failure, most failures, ms to keep,
-- marks ms or 0, 1 to count on though nobody waits, ids.
-- Answers 1 (given up), 2 and the count (failed too often), 0 (the lease is not ours).
if ARGV[5] ~= '0' then
  redis.call('SADD', KEYS[3], unpack(ARGV, 7))
  redis.call('PEXPIRE', KEYS[3], ARGV[5])
end
local l = redis.call('HMGET', KEYS[1], 'id', 'run', 'fails')
local mine = false
for i = 7, #ARGV do mine = mine or l[1] == ARGV[i] end
if not mine or l[2] ~= run then
  local v = redis.call('GET', KEYS[2])
  return answer(v and 2 or 0, v)
end
local fails = l[3] + ARGV[2]
local fields = redis.call('HKEYS', KEYS[1])
local ended = ARGV[2] == '1' and fails >= tonumber(ARGV[3])
if ended then redis.call('SET', KEYS[2], 'F' .. fails, 'PX', ARGV[4]) end
redis.call('DEL', KEYS[1])
if not ended and fails > 0 and (#fields > 4 or ARGV[6] == '1') then
  redis.call('HSET', KEYS[1], 'run', run, 'fails', fails)
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
wake(fields, l[1])
if ended then return answer(2, 'F' .. fails) end
return answer(1)
