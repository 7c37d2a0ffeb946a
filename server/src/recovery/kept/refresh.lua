-- Lets the time of sessions begin anew.
-- KEYS: sessions. ARGV: replica, ms to keep them, and the generation of each.
local answers = {}
for n, key in ipairs(KEYS) do
  local held = redis.call('HMGET', key, 'g', 'h')
  local known, generation = held[1] and tonumber(held[1]), tonumber(ARGV[2 + n])
  if not known then
    answers[n] = {'missing', 0, 0}
  elseif known > generation then
    answers[n] = {'taken', known, held[2] == ARGV[1] and 1 or 0}
  else
    redis.call('PEXPIRE', key, ARGV[2])
    answers[n] = {'ok', generation, 1}
  end
end
return answers
