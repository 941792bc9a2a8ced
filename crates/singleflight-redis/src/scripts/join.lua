-- JOIN: KEYS lease, marks. ARGV run, id, inbox, lease ms, 1 to wait or 0 and after it the traceparent
-- if there is one, marks ms, ids sent before, and its own if the client resends by itself.
-- Answers 1 (leads): code, id, now in us, which is the token; of a lease that an earlier send has made
-- its token as well. 0 (another leads): code, id and traceparent. 3 (a late copy).
local l = {}
if call('EXISTS', KEYS[1], KEYS[2]) > 0 then
  l = call('HMGET', KEYS[1], 'id', 'run', 'tok', 'fails', 'tp')
  -- A client that resends by itself sends the same id again: then its lease may be there.
  local own = l[1] == ARGV[2] and l[2] == run
  if not own and call('SISMEMBER', KEYS[2], ARGV[2]) == 1 then return {3} end
end
if ARGV[7] then
  call('SADD', KEYS[2], unpack(ARGV, 7))
  call('PEXPIRE', KEYS[2], ARGV[6])
end
local t = call('TIME')
local now = t[1] * 1000000 + t[2]
if l[1] and l[2] == run then
  for i = 6, #ARGV do
    if l[1] == ARGV[i > 6 and i or 2] then return {1, l[1], now, tonumber(l[3])} end
  end
  if string.sub(ARGV[5], 1, 1) == '1' then call('HSET', KEYS[1], 'w', 1, 'w:' .. ARGV[3], 1) end
  return {0, l[1] .. (l[5] or '')}
end
-- A server without memory refuses the first command that takes some, and no later one.
if l[2] then call('DEL', KEYS[1]) end
call('HSET', KEYS[1], 'id', ARGV[2], 'run', run, 'tok', now)
if l[2] == run then call('HSET', KEYS[1], 'fails', l[4]) end
if #ARGV[5] > 1 then call('HSET', KEYS[1], 'tp', string.sub(ARGV[5], 2)) end
local set = redis.pcall('PEXPIRE', KEYS[1], ARGV[4])
if type(set) == 'table' and set.err then
  call('DEL', KEYS[1])
  return set
end
return {1, ARGV[2], now}
