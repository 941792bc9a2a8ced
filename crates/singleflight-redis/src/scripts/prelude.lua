local call, run = redis.call, ARGV[1]
if run == '' then
  local function field(section, name)
    local info = call('INFO', section)
    local _, at = string.find(info, name, 1, true)
    return at and string.sub(info, at + 1, at + 8) or 'unknown'
  end
  -- The run id is new with each start. The second replication id is the one that a server had before
  -- it was promoted last: a server that was demoted, and is promoted again without a start, may have
  -- its old data still. (The first one also changes when a first replica comes, which ends no lease.)
  -- A proxy may hide them. Then leases are not bound to a history.
  run = field('server', 'run_id:') .. field('replication', 'master_replid2:')
end
-- A lease has the fields id, run and tok; fails, if works before failed; tp, if its leader told a
-- traceparent; and if others wait w, and w:INBOX for each of their processes.
local function wake(fields, id)
  for _, k in ipairs(fields) do
    if string.sub(k, 1, 2) == 'w:' then redis.pcall('PUBLISH', string.sub(k, 3), id) end
  end
end
