local run = ARGV[1]
local function wake(fields, id)
  for _, k in ipairs(fields) do
    if string.sub(k, 1, 2) == 'w:' then redis.pcall('PUBLISH', string.sub(k, 3), id) end
  end
end
