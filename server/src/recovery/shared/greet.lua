-- How the log stands, for a replica that begins to listen, or does so again.
-- KEYS: epoch, number, log, run. ARGV: an epoch to begin if need be; epoch, number and time that were seen last
-- (empty, 0, 0 at first); 1 where Redis keeps over a restart everything that it has answered.
local run = redis.call('INFO', 'server'):match('run_id:(%x+)') or ''
local former = redis.call('INFO', 'replication'):match('master_replid2:(%x+)') or ''
local epoch = redis.call('GET', KEYS[1])
local head = tonumber(redis.call('GET', KEYS[2]) or '0')
local function at(entry)
  for n = 1, #entry[2], 2 do
    if entry[2][n] == 't' then return entry[2][n + 1] end
  end
  return ''
end
local first = redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', 1)[1]
local last = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)[1]
local oldest = head + 1
if first then oldest = tonumber(first[1]:match('^%d+')) end
-- Another process, or another server that took over: it may have lost what its forerunner answered.
local ran = redis.call('GET', KEYS[4])
local is_new = not epoch
if ran and ran ~= run and not (ARGV[5] == '1' and former:match('^0*$')) then is_new = true end
-- Number and stream are written by one script: they part only where something was lost.
if last and tonumber(last[1]:match('^%d+')) ~= head then is_new = true end
local same = 1
local seen = tonumber(ARGV[3])
if seen > head then
  same = 0
elseif seen > 0 and ARGV[4] ~= '0' then
  local entry = redis.call('XRANGE', KEYS[3], seen .. '-0', seen .. '-0')[1]
  if entry and at(entry) ~= ARGV[4] then same = 0 end
end
if same == 0 and ARGV[2] == epoch then is_new = true end
if is_new then
  epoch = ARGV[1]
  redis.call('SET', KEYS[1], epoch)
end
if ran ~= run then redis.call('SET', KEYS[4], run) end
local time = redis.call('TIME')
return {epoch, head, oldest, time[1] * 1000 + math.floor(time[2] / 1000), same}
