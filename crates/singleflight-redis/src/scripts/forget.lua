-- FORGET: KEYS lease, marks. ARGV run, nonce, marks ms, nonces sent before.
-- Answers 1 (a flight was forgotten), 0 (there was none), 3 (this is a late copy).
if redis.call('SISMEMBER', KEYS[2], ARGV[2]) == 1 then return answer(3) end
if ARGV[4] then
  redis.call('SADD', KEYS[2], unpack(ARGV, 4))
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
local id = redis.call('HGET', KEYS[1], 'id')
local fields = redis.call('HKEYS', KEYS[1])
redis.call('DEL', KEYS[1])
if not id then return answer(0) end
wake(fields, id)
return answer(1)
