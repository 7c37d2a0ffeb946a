//! The scripts. All times are Redis's own, in milliseconds; all keys are below `KEYS[1]`, in one slot.
//!
//! ```text
//!   …:replicas   zset  holder ▷ end of its lease          …:u:<person>  hash  of who is there:
//!   …:dead       zset  holder ▷ when it was last heard of   g            number of the coming
//!   …:r:<holder> set   persons it has sockets of            as           the id as it is shown
//!   …:seqs       hash  holder ▷ its last report             h:<holder>   its sockets: count, ids
//!   …:grace      zset  person ▷ when the grace is over      m:<holder>   rooms that they share; m: former
//!   …:gone       zset  person ▷ when they were last there   until, seen  while the grace runs
//!   …:pending    list  changes that nobody has told of      …:announcer  who tells of them now
//!   …:n …:g …:told …:holders  counters                         …:beat …:mercy …:epoch
//! ```

/// What all of them begin with.
///
/// `touch` notices that nobody was here for a while, which is an outage of Redis or of the network, or
/// that the clock has jumped: for one lease from then nobody is judged (contract, section 3). A replica
/// that is silent alone is not noticed by this, since the others are not.
macro_rules! prelude {
    () => {
        r"
local B = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function touch(lease)
  local last = tonumber(redis.call('GET', B .. ':beat') or now)
  if math.abs(now - last) > lease / 5 then
    redis.call('SET', B .. ':mercy', now + lease)
  end
  redis.call('SET', B .. ':beat', now)
end

local function merciful()
  return now < tonumber(redis.call('GET', B .. ':mercy') or '0')
end

local function starts(text, with)
  return string.sub(text, 1, #with) == with
end

-- What the record of a person has under names that begin so.
local function all(u, with)
  local found, record = {}, redis.call('HGETALL', u)
  for i = 1, #record, 2 do
    if starts(record[i], with) then found[#found + 1] = record[i + 1] end
  end
  return found
end

-- Changes that wait to be told are bounded: whoever waits longest is given up.
local function tell(change)
  table.insert(change, 1, redis.call('INCR', B .. ':told'))
  if redis.call('RPUSH', B .. ':pending', cmsgpack.pack(change)) > 100000 then
    redis.call('LPOP', B .. ':pending')
  end
end

-- Rooms that are shared stay so until the person is gone, also where their replica has let go.
local function keep_rooms(u, holder)
  local ours = redis.call('HGET', u, 'm:' .. holder)
  if not ours then return end
  redis.call('HDEL', u, 'm:' .. holder)
  local kept, count = {}, 0
  local text = ours .. '\n' .. (redis.call('HGET', u, 'm:') or '')
  for room in string.gmatch(text, '[^\n]+') do
    if not kept[room] and count < 1024 then kept[room] = true; count = count + 1; kept[count] = room end
  end
  redis.call('HSET', u, 'm:', table.concat(kept, '\n', 1, count))
end

local function let_go(person, holder, grace, seen)
  local u = B .. ':u:' .. person
  redis.call('SREM', B .. ':r:' .. holder, person)
  if redis.call('HDEL', u, 'h:' .. holder) == 0 then return end
  keep_rooms(u, holder)
  if #all(u, 'h:') == 0 then
    redis.call('HSET', u, 'until', now + grace, 'seen', seen)
    redis.call('ZADD', B .. ':grace', now + grace, person)
  end
end

-- How it stands: persons there, changes untold, milliseconds to the end of the next grace or -1.
local function pulse(more)
  local due, soonest = -1, redis.call('ZRANGE', B .. ':grace', 0, 0, 'WITHSCORES')[2]
  if soonest then
    local mercy = tonumber(redis.call('GET', B .. ':mercy') or '0')
    due = math.max(math.max(tonumber(soonest), mercy) - now, 0)
  end
  local there = tonumber(redis.call('GET', B .. ':n') or '0')
  return {1, there, redis.call('LLEN', B .. ':pending'), due, more}
end
"
    };
}

/// A replica is there. Arguments: its name, the epoch it knew or nothing, the lease, an epoch to set
/// where there is none. Answers its holder's name, which is new each time, and the epoch.
///
/// Another epoch than the one it knew means that data was lost, and with it what the others have not
/// reported again yet.
pub(super) const REGISTER: &str = concat!(
    prelude!(),
    r"
local replica, known, lease, fresh = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
touch(lease)
redis.call('SETNX', B .. ':epoch', fresh)
local epoch = redis.call('GET', B .. ':epoch')
if known ~= '' and known ~= epoch then redis.call('SET', B .. ':mercy', now + lease) end
local holder = replica .. '.' .. string.format('%.0f', redis.call('INCR', B .. ':holders'))
redis.call('ZADD', B .. ':replicas', now + lease, holder)
return {holder, epoch}
"
);

/// What a replica has now of some persons. Arguments: holder, number of the report, lease, grace,
/// whether changes are told of, then for each person: key, form, sockets (nothing = none), rooms,
/// whether others know already that they are there.
pub(super) const REPORT: &str = concat!(
    prelude!(),
    r"
-- Somebody who is there is in rooms that have not heard of it.
local function enter(u, person, form, rooms)
  local old, known, new = all(u, 'm:'), {}, {}
  for _, some in ipairs(old) do
    for room in string.gmatch(some, '[^\n]+') do known[room] = true end
  end
  for room in string.gmatch(rooms, '[^\n]+') do
    if not known[room] then new[#new + 1] = room end
  end
  if #new > 0 then tell({tonumber(redis.call('HGET', u, 'g')), 2, person, form, now, new, old}) end
end

local holder, seq = ARGV[1], tonumber(ARGV[2])
local lease, grace, told = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1'
touch(lease)
if not redis.call('ZSCORE', B .. ':replicas', holder) then return {0} end
-- One that was on its way for long, and comes after its successors.
if seq <= tonumber(redis.call('HGET', B .. ':seqs', holder) or '0') then return pulse(0) end
redis.call('HSET', B .. ':seqs', holder, seq)
redis.call('ZADD', B .. ':replicas', now + lease, holder)
for i = 6, #ARGV, 5 do
  local person, form, sockets, rooms, known = unpack(ARGV, i, i + 4)
  local u = B .. ':u:' .. person
  if sockets == '' then
    let_go(person, holder, grace, now)
  else
    redis.call('SADD', B .. ':r:' .. holder, person)
    if redis.call('EXISTS', u) == 0 then
      local g = redis.call('INCR', B .. ':g')
      redis.call('INCR', B .. ':n')
      redis.call('HSET', u, 'g', g, 'as', form)
      redis.call('ZREM', B .. ':gone', person)
      if told and known == '0' then tell({g, 1, person, form, now, {rooms}, {}}) end
    else
      if redis.call('HDEL', u, 'until', 'seen') > 0 then redis.call('ZREM', B .. ':grace', person) end
      if told then enter(u, person, form, rooms) end
    end
    redis.call('HSET', u, 'h:' .. holder, sockets)
    if rooms == '' then
      redis.call('HDEL', u, 'm:' .. holder)
    else
      redis.call('HSET', u, 'm:' .. holder, rooms)
    end
  end
end
return pulse(0)
"
);

/// Keeps a replica's lease, takes what the dead have left, and ends graces. Arguments: holder, lease,
/// grace, whether changes are told of, how much to do at once, persons to remember, the last report
/// that was answered. Where Redis knows only earlier ones it has lost data, and the replica has to
/// register anew.
pub(super) const SWEEP: &str = concat!(
    prelude!(),
    r"
local holder, lease, grace, told = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local most, remembered, answered = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
touch(lease)
local replicas, dead, graces = B .. ':replicas', B .. ':dead', B .. ':grace'
local known = redis.call('ZSCORE', replicas, holder)
if known and tonumber(redis.call('HGET', B .. ':seqs', holder) or '0') < answered then
  redis.call('SET', B .. ':mercy', now + lease)
  redis.call('ZREM', replicas, holder)
  redis.call('ZADD', dead, now, holder)
  known = false
end
if known then redis.call('ZADD', replicas, now + lease, holder) end
-- Later than any can be: the clock was ahead when they were set.
for _, late in ipairs(redis.call('ZREVRANGEBYSCORE', replicas, '+inf', '(' .. now + lease, 'LIMIT', 0, most)) do
  redis.call('ZADD', replicas, now + lease, late)
end
for _, late in ipairs(redis.call('ZREVRANGEBYSCORE', graces, '+inf', '(' .. now + grace, 'LIMIT', 0, most)) do
  redis.call('ZADD', graces, now + grace, late)
end
local left = most
if not merciful() then
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', replicas, '-inf', now, 'LIMIT', 0, most)) do
    -- From here on whatever it reports is refused: it registers anew first.
    redis.call('ZADD', dead, redis.call('ZSCORE', replicas, gone) - lease, gone)
    redis.call('ZREM', replicas, gone)
  end
end
while left > 0 do
  local first = redis.call('ZRANGE', dead, 0, 0, 'WITHSCORES')
  if not first[1] then break end
  local persons = redis.call('SRANDMEMBER', B .. ':r:' .. first[1], left)
  for _, person in ipairs(persons) do
    let_go(person, first[1], grace, first[2])
  end
  left = left - #persons - 1
  if redis.call('EXISTS', B .. ':r:' .. first[1]) == 0 then
    redis.call('ZREM', dead, first[1])
    redis.call('HDEL', B .. ':seqs', first[1])
  end
end
if left > 0 and not merciful() then
  for _, person in ipairs(redis.call('ZRANGEBYSCORE', graces, '-inf', now, 'LIMIT', 0, left)) do
    local u = B .. ':u:' .. person
    local g, form, seen = unpack(redis.call('HMGET', u, 'g', 'as', 'seen'))
    redis.call('ZREM', graces, person)
    if seen then
      if told then tell({tonumber(g), 0, person, form, tonumber(seen), all(u, 'm:'), {}}) end
      redis.call('DEL', u)
      redis.call('DECR', B .. ':n')
      redis.call('ZADD', B .. ':gone', seen, person)
    end
    left = left - 1
  end
  redis.call('ZREMRANGEBYRANK', B .. ':gone', 0, -remembered - 1)
end
local state = pulse(left <= 0 and 1 or 0)
if not known then state[1] = 0 end
return state
"
);

/// The first changes that nobody has told of, each as its number, number of the coming, 1 = come, 2 = in
/// more rooms, 0 = gone, form, time, rooms that hear, rooms that have heard, and sockets as they are now.
macro_rules! batch {
    () => {
        r"
local function batch(most)
  local found = {}
  for _, packed in ipairs(redis.call('LRANGE', B .. ':pending', 0, most - 1)) do
    local number, g, kind, person, form, at, rooms, known = unpack(cmsgpack.unpack(packed))
    local sockets = kind > 0 and all(B .. ':u:' .. person, 'h:') or {}
    found[#found + 1] = {number, g, kind, form, at, rooms, known, sockets}
  end
  return found
end
"
    };
}

/// Takes the telling of changes for a while. Arguments: holder, for how long, how many, the lease. Answers
/// none where another has it, there is nothing to tell, or an outage has only just ended: not all
/// replicas listen again then, and what is told to nobody is lost.
pub(super) const CLAIM: &str = concat!(
    prelude!(),
    batch!(),
    r"
local holder, lease, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local announcer = B .. ':announcer'
if redis.call('LLEN', B .. ':pending') == 0 then return {} end
local mercy = tonumber(redis.call('GET', B .. ':mercy') or '0')
if now < mercy - tonumber(ARGV[4]) * 4 / 5 then return {} end
local other = redis.call('GET', announcer)
if other and other ~= holder then return {} end
redis.call('SET', announcer, holder, 'PX', lease)
return batch(most)
"
);

/// Publishes changes and takes them off the list, both or none. Keys: besides, the channel. Arguments:
/// holder, for how long more, how many next, the command that publishes, how many were told, the number
/// of the first of them, then the messages. Answers the next ones.
pub(super) const CONFIRM: &str = concat!(
    prelude!(),
    batch!(),
    r"
local holder, lease, most, command = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local count, first = tonumber(ARGV[5]), ARGV[6]
local announcer, pending = B .. ':announcer', B .. ':pending'
-- Somebody else has taken over, and tells of these.
if redis.call('GET', announcer) ~= holder then return {} end
local head = redis.call('LINDEX', pending, 0)
if head and string.format('%.0f', cmsgpack.unpack(head)[1]) == first then
  redis.call('LTRIM', pending, count, -1)
  for i = 7, #ARGV do redis.pcall(command, KEYS[2], ARGV[i]) end
end
if redis.call('LLEN', pending) == 0 then
  redis.call('DEL', announcer)
  return {}
end
redis.call('PEXPIRE', announcer, lease)
return batch(most)
"
);

/// A replica goes down in order: what it still holds is let go at the next sweep.
pub(super) const GOODBYE: &str = concat!(
    prelude!(),
    r"
local score = redis.call('ZREM', B .. ':replicas', ARGV[1])
if score == 1 then redis.call('ZADD', B .. ':dead', now, ARGV[1]) end
return score
"
);
