-- Records in the order of their keys, of one moment.
--
-- KEYS  1 records  2 index     ARGV  1 from  2 to, as of ZRANGE BYLEX  3 "b" for backwards  4 how many  5 now, ms
local from, to, limit, now = ARGV[1], ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
local backwards = ARGV[3] == 'b'
local found = {}
while #found < limit * 2 do
  local chunk = math.min(256, limit - #found / 2 + 16)
  local keys
  if backwards then
    keys = redis.call('ZRANGE', KEYS[2], to, from, 'BYLEX', 'REV', 'LIMIT', 0, chunk)
  else
    keys = redis.call('ZRANGE', KEYS[2], from, to, 'BYLEX', 'LIMIT', 0, chunk)
  end
  if #keys == 0 then break end
  local rows = redis.call('HMGET', KEYS[1], unpack(keys))
  for n, key in ipairs(keys) do
    local row = rows[n]
    local expires = row and string.match(row, '^1 %d+ ([%d-]+) ')
    -- One that cannot be read is given: whoever reads tells of it.
    if row and (not expires or expires == '-' or tonumber(expires) > now) and #found < limit * 2 then
      found[#found + 1] = key
      found[#found + 1] = row
    end
  end
  if #keys < chunk then break end
  if backwards then to = '(' .. keys[#keys] else from = '(' .. keys[#keys] end
end
return found
