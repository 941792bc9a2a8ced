-- ABANDON: KEYS lease, result, marks. ARGV run, 1 for a failure, most failures, ms to keep,
-- marks ms or 0, 1 to count on though nobody waits, ids.
-- Answers 1 (given up), 2 and the count (failed too often), 0 (the lease is not ours).
if ARGV[5] ~= '0' then
  call('SADD', KEYS[3], unpack(ARGV, 7))
  call('PEXPIRE', KEYS[3], ARGV[5])
end
local l = call('HMGET', KEYS[1], 'id', 'run', 'fails', 'w')
local mine = false
for i = 7, #ARGV do mine = mine or l[1] == ARGV[i] end
if not mine or l[2] ~= run then
  local v = call('GET', KEYS[2])
  return v and {2, v} or {0}
end
local fails = (l[3] or 0) + ARGV[2]
local fields = call('HKEYS', KEYS[1])
local ended = ARGV[2] == '1' and fails >= tonumber(ARGV[3])
if ended then call('SET', KEYS[2], 'F' .. fails, 'PX', ARGV[4]) end
call('DEL', KEYS[1])
if not ended and fails > 0 and (l[4] or ARGV[6] == '1') then
  call('HSET', KEYS[1], 'run', run, 'fails', fails)
  call('PEXPIRE', KEYS[1], ARGV[4])
end
wake(fields, l[1])
if ended then return {2, 'F' .. fails} end
return {1}
