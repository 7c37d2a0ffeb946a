-- What the log is now, of one moment; and gives a log that has no epoch yet its first one.
--
-- KEYS  1 epoch  2 number  3 log     ARGV  1 an epoch, for one that has none  2 an event's number, or "0"
-- Answer: epoch, number of the newest event, time of event 2 or "-", time of the newest, run_id, second
-- replication id, "1" where the append-only file is still the one that Redis found when it started
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
  .. redis.call('INFO', 'persistence')
local run = string.match(info, 'run_id:(%x+)') or ''
local second = string.match(info, 'master_replid2:(%x+)') or ''
local found = '0'
if string.find(info, 'aof_enabled:1', 1, true)
  and string.find(info, 'aof_rewrite_in_progress:0', 1, true)
  and (string.match(info, 'aof_rewrites:(%d+)') or '0') == '0' then found = '1' end
return { epoch, head, time_of(ARGV[2]), time_of(head), run, second, found }
