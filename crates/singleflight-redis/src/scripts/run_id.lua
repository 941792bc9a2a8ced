if run == '' then
  local info = redis.call('INFO', 'replication')
  local _, at = string.find(info, 'master_replid:', 1, true)
  run = string.sub(info, at + 1, at + 16)
end
