-- LAND: KEYS lease, result. ARGV run, id, payload, ms to keep it.
-- Answers 1 (carried out, now or before), 0 (the lease is not ours). Nothing is kept unless
-- somebody waits. The result comes first: if the server refuses it, nothing has changed.
local l = redis.call('HMGET', KEYS[1], 'id', 'run')
if l[1] ~= ARGV[2] or l[2] ~= run then return answer(redis.call('EXISTS', KEYS[2])) end
local fields = redis.call('HKEYS', KEYS[1])
if #fields > 4 then redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4]) end
redis.call('DEL', KEYS[1])
wake(fields, ARGV[2])
return answer(1)
