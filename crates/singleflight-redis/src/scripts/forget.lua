-- FORGET: KEYS lease, marks. ARGV run, nonce, marks ms, nonces sent before, and its own if the client
-- resends by itself.
-- Answers 1 (a flight was forgotten), 0 (there was none), 3 (this is a late copy).
if call('SISMEMBER', KEYS[2], ARGV[2]) == 1 then return {3} end
if ARGV[4] then
  call('SADD', KEYS[2], unpack(ARGV, 4))
  call('PEXPIRE', KEYS[2], ARGV[3])
end
local id = call('HGET', KEYS[1], 'id')
local fields = call('HKEYS', KEYS[1])
call('DEL', KEYS[1])
if not id then return {0} end
wake(fields, id)
return {1}
