if run == '' then
  local function field(section, name)
    local info = redis.call('INFO', section)
    local _, at = string.find(info, name, 1, true)
    return at and string.sub(info, at + 1, at + 8) or 'unknown'
  end
  run = field('server', 'run_id:') .. field('replication', 'master_replid2:')
end
