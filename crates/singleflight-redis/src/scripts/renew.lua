-- RENEW: KEYS lease. ARGV run, id, end in ms by this server's clock. Only ever prolongs.
-- Answers 1 (still ours): code, -, now in us; or 0.
local l = call('HMGET', KEYS[1], 'id', 'run')
if l[1] ~= ARGV[2] or l[2] ~= run then return {0} end
local t = call('TIME')
local ms = t[1] * 1000 + math.floor(t[2] / 1000)
if ms + call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
  call('PEXPIREAT', KEYS[1], ARGV[3])
end
return {1, '', t[1] * 1000000 + t[2]}
