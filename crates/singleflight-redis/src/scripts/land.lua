-- LAND: KEYS lease, result. ARGV run, id, payload, ms to keep it.
-- Answers 1 (carried out, now or before), 0 (the lease is not ours). Nothing is kept unless
-- somebody waits. The result comes first: if the server refuses it, nothing has changed.
local l = call('HMGET', KEYS[1], 'id', 'run', 'w')
if l[1] ~= ARGV[2] or l[2] ~= run then return {call('EXISTS', KEYS[2])} end
local fields = {}
if l[3] then
  call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
  fields = call('HKEYS', KEYS[1])
end
call('DEL', KEYS[1])
wake(fields, ARGV[2])
return {1}
