-- Takes a session up: whoever had it has it no more.
-- KEYS: the session. ARGV: namespace, owner, replica, ms that a client may be away, ms between two refreshes,
-- ms to keep it.
local key = KEYS[1]
local all = redis.call('HGETALL', key)
if #all == 0 then return {'unknown'} end
local is = {}
for n = 1, #all, 2 do is[all[n]] = all[n + 1] end
if is.n ~= ARGV[1] then return {'unknown'} end
if is.o ~= ARGV[2] then return {'user-changed'} end
local away, window = 0, tonumber(ARGV[4])
if is.l then
  local time = redis.call('TIME')
  away = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(is.l)
else
  -- Its holder has ended without a word, if it has: after it was refreshed last.
  away = tonumber(ARGV[6]) - redis.call('PTTL', key)
  window = window + tonumber(ARGV[5])
end
if away > window then return {'expired'} end
local generation = redis.call('HINCRBY', key, 'g', 1)
redis.call('HSET', key, 'h', ARGV[3])
redis.call('HDEL', key, 'l')
redis.call('PEXPIRE', key, ARGV[6])
local answer = {'ok', string.format('%.0f', generation), is.h or '', is.l and '1' or '0'}
for n = 1, #all do answer[4 + n] = all[n] end
return answer
