-- Writes a session, unless a later generation has it.
-- KEYS: the session. ARGV: generation, replica, ms to keep it, "all" | "part" | "end", 1 where no socket has it,
-- how many pairs of field and value follow, these, then fields to take away.
local key, generation = KEYS[1], tonumber(ARGV[1])
local held = redis.call('HMGET', key, 'g', 'h')
local known = held[1] and tonumber(held[1])
if known and known > generation then
  return {'taken', known, held[2] == ARGV[2] and 1 or 0}
end
local mode = ARGV[4]
if mode == 'end' then
  redis.call('DEL', key)
  return {'ok', generation, 1}
end
if mode == 'part' and known ~= generation then
  return {'missing', 0, 0}
end
if mode == 'all' then
  redis.call('DEL', key)
end
local values = {'g', ARGV[1], 'h', ARGV[2]}
if ARGV[5] == '1' then
  local time = redis.call('TIME')
  values[5] = 'l'
  values[6] = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
end
local pairs = tonumber(ARGV[6])
for n = 7, 6 + 2 * pairs do
  values[#values + 1] = ARGV[n]
end
redis.call('HSET', key, unpack(values))
if #ARGV > 6 + 2 * pairs then
  redis.call('HDEL', key, unpack(ARGV, 7 + 2 * pairs))
end
redis.call('PEXPIRE', key, ARGV[3])
return {'ok', generation, 1}
