-- LOOK: KEYS lease, result. ARGV run, id, inbox.
-- Answers 1 and the payload (landed), 0 (still led), 2 (gone).
local v = call('GET', KEYS[2])
if v then return {1, v} end
local l = call('HMGET', KEYS[1], 'id', 'run')
if l[1] ~= ARGV[2] or l[2] ~= run then return {2} end
call('HSET', KEYS[1], 'w', 1, 'w:' .. ARGV[3], 1)
return {0}
