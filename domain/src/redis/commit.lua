-- Commits of the store and publishings, as many as wait: each with claim, expectations, writes and events
-- in one step, each as if it were alone. Nothing of one can fail once its first change is made, but for
-- telling others, which may.
--
-- KEYS  1 writer  2 version  3 records  4 index  5 expiries  6 number  7 log  8 marks  9 epoch  10.. claims
-- ARGV  1 batch  2 now, ms  3 expired records to remove  4 ms of events to keep  5 events to keep
--       6 PUBLISH or SPUBLISH  7 channel  8 an epoch, for a log that begins now  9 how many jobs, each:
--         how many arguments follow, "m" and a message as it goes out, or "c" and
--         place in the batch, which key is the claim's, "v" for a version,
--         "c" with a claim, and then: fingerprint, value, ms to live
--         how many writes, each: key, expectation, "=" | "x" | "p" expiry checksum value
--         how many events, each: "l" logged or "e" ephemeral, body
-- Answer: one for each job.
local at = 0
local function arg()
  at = at + 1
  return ARGV[at]
end

local batch, now, sweep = arg(), tonumber(arg()), arg()
local keep, most, publish, channel, epoch = tonumber(arg()), arg(), arg(), arg(), arg()

local time = redis.call('TIME')
local t = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local t_text = string.format('%.0f', t)

-- A writer sends a batch again after it lost its connection. What was done of it is not done again,
-- and nothing is done of a batch that it has given up and gone on from.
local last = tonumber(redis.call('HGET', KEYS[1], 'b') or '0')
local again, stale = tonumber(batch) == last, tonumber(batch) < last
local done, logged = {}, nil

local function log(body)
  local number = string.format('%.0f', redis.call('INCR', KEYS[6]))
  local fields = { 'MAXLEN', '~', most, number .. '-0', 't', t_text, 'b', body }
  local added = redis.pcall('XADD', KEYS[7], unpack(fields))
  if type(added) == 'table' and added.err then
    -- Somebody took the number away and left the log: it goes on behind its end.
    local info = redis.call('XINFO', 'STREAM', KEYS[7])
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' then
        number = string.format('%.0f', tonumber(string.match(info[i + 1], '^%d+')) + 1)
      end
    end
    fields[4] = number .. '-0'
    redis.call('XADD', KEYS[7], unpack(fields))
    redis.call('SET', KEYS[6], number)
  end
  if number == '1' then redis.call('SET', KEYS[9], epoch, 'NX') end
  logged = number
  return number .. '|' .. t_text .. '|' .. body
end

local function commit()
  local place, claim_key = arg(), KEYS[tonumber(arg())]
  local versioned, claimed = arg() == 'v', arg() == 'c'
  if stale then return { 'stale' } end
  if again then
    local version = redis.call('HGET', KEYS[1], place)
    if version then return { 'done', version } end
  end

  local fingerprint, claim, life
  if claimed then
    fingerprint, claim, life = arg(), arg(), arg()
    local held = redis.call('GET', claim_key)
    if held then
      local expires, behind = string.match(held, '^1 (%d+) %x%x%x%x%x%x%x%x ()')
      if not expires then return { 'damaged', '0' } end
      if tonumber(expires) > now then
        if string.sub(held, behind, behind + 31) ~= fingerprint then return { 'claimed' } end
        return { 'repeated', held }
      end
    end
  end

  local writes = {}
  for n = 1, tonumber(arg()) do
    local key, expect, change = arg(), arg(), arg()
    local write = { key, change }
    if change == 'p' then
      write[3], write[4], write[5] = arg(), arg(), arg()
    end
    writes[n] = write
    if expect ~= '*' then
      local row, version = redis.call('HGET', KEYS[3], key), '-'
      if row then
        local found, expires = string.match(row, '^1 (%d+) ([%d-]+) %x%x%x%x%x%x%x%x ')
        if not found then return { 'damaged', tostring(n) } end
        if expires == '-' or tonumber(expires) > now then version = found end
      end
      if version ~= expect then return { 'conflict', tostring(n) } end
    end
  end

  -- From here on it is done. Events first: a stream that does not take one leaves all else as it was.
  local out = {}
  for n = 1, tonumber(arg()) do
    local kind, body = arg(), arg()
    if kind == 'e' then out[n] = '-|' .. body else out[n] = log(body) end
  end
  local version = '0'
  if versioned then version = string.format('%.0f', redis.call('INCR', KEYS[2])) end
  for _, write in ipairs(writes) do
    local key, change = write[1], write[2]
    if change == 'p' then
      local expires = write[3]
      local row = '1 ' .. version .. ' ' .. expires .. ' ' .. write[4] .. ' ' .. write[5]
      if redis.call('HSET', KEYS[3], key, row) == 1 then redis.call('ZADD', KEYS[4], 0, key) end
      if expires == '-' then
        redis.call('ZREM', KEYS[5], key)
      else
        redis.call('ZADD', KEYS[5], expires, key)
      end
    elseif change == 'x' then
      if redis.call('HDEL', KEYS[3], key) == 1 then
        redis.call('ZREM', KEYS[4], key)
        redis.call('ZREM', KEYS[5], key)
      end
    end
  end
  if claimed then redis.call('SET', claim_key, claim, 'PX', life) end
  done[#done + 1] = place
  done[#done + 1] = version
  -- Last, and it may fail: whoever was not told finds the gap and reads the log.
  for _, message in ipairs(out) do redis.pcall(publish, channel, message) end
  return { 'done', version }
end

local answers = {}
for n = 1, tonumber(arg()) do
  local length = tonumber(arg())
  local stop = at + length
  if arg() == 'm' then
    local sent = redis.pcall(publish, channel, arg())
    local failed = type(sent) == 'table' and sent.err
    answers[n] = failed and { 'error', failed } or { 'done', '0' }
  else
    local ok, answer = pcall(commit)
    if not ok then
      -- Redis takes no writes now (memory, disk, a replica): this one is not done, nor will others be.
      local why = type(answer) == 'table' and answer.err or tostring(answer)
      if string.find(why, 'READONLY', 1, true) then
        return redis.error_reply('READONLY this is a replica')
      end
      answer = { 'error', why }
    end
    answers[n] = answer
  end
  at = stop
end

-- What became of it, for an hour: longer than anything is under way.
if #done > 0 then
  if not again then redis.call('DEL', KEYS[1]) end
  redis.call('HSET', KEYS[1], 'b', batch, unpack(done))
  redis.call('PEXPIRE', KEYS[1], 3600000)
end

-- About one mark a second says which number it was then; the log is cut at the one that is old enough.
if logged then
  local mark = redis.call('LINDEX', KEYS[8], -1)
  local marked = mark and tonumber(string.match(mark, '^%d+')) or 0
  if marked > t + 60000 then
    -- The clock was set back.
    redis.call('DEL', KEYS[8])
    marked = 0
  end
  if t - marked >= 1000 then
    redis.call('RPUSH', KEYS[8], t_text .. ':' .. logged)
    local cut
    for _ = 1, 16 do
      local second = redis.call('LINDEX', KEYS[8], 1)
      local s_time, s_number = string.match(second or '', '^(%d+):(%d+)$')
      if not s_time or tonumber(s_time) > t - keep then break end
      redis.call('LPOP', KEYS[8])
      cut = s_number
    end
    if cut then redis.call('XTRIM', KEYS[7], 'MINID', '~', cut .. '-0') end
  end
end

if sweep ~= '0' and #done > 0 then
  local due = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now, 'LIMIT', 0, sweep)
  for _, key in ipairs(due) do
    redis.call('HDEL', KEYS[3], key)
    redis.call('ZREM', KEYS[4], key)
    redis.call('ZREM', KEYS[5], key)
  end
end

return answers
