-- What the log is now, of one moment; and gives a log that has no epoch yet its first one.
--
-- KEYS  1 epoch  2 number  3 log     ARGV  1 an epoch, for one that has none  2 an event's number, or "0"
-- Answer: epoch, number of the newest event, time of event 2 or "-", "run_id|second replication id"
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  redis.call('SET', KEYS[1], ARGV[1])
  epoch = ARGV[1]
end
local function time_of(number)
  if number == '0' then return '-' end
  local found = redis.call('XRANGE', KEYS[3], number .. '-0', number .. '-0')
  if #found == 0 then return '-' end
  return found[1][2][2]
end
local head = redis.call('GET', KEYS[2]) or '0'
local info = redis.call('INFO', 'server') .. redis.call('INFO', 'replication')
local run = string.match(info, 'run_id:(%x+)') or ''
local second = string.match(info, 'master_replid2:(%x+)') or ''
return { epoch, head, time_of(ARGV[2]), time_of(head), run, second }
