if run == '' then
  local info = redis.call('INFO', 'server')
  local _, at = string.find(info, 'run_id:', 1, true)
  run = string.sub(info, at + 1, at + 16)
end
