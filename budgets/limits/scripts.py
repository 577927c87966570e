"""What Redis runs. BATCH does what `budgets.core.local_admission` does, for all processes at once.

tollkeeper:alive            sorted set of incarnations by their last beat; who is silent for ALIVE_MS holds nothing
tollkeeper:epoch            random:ms of its beginning; another epoch means that what Redis knew may be lost or old
tollkeeper:process:<id>     hash: its generation, and how many batches it has had carried out
tollkeeper:c:<key>          counter: e the epoch that s, u, p are of; s spent; u since when a seed is awaited, p settled
                            since then; h:<incarnation> held
tollkeeper:m:<key>          meter: r and t in the window, r<n> and t<n> in bucket n, and the buckets' range
tollkeeper:p:<key>          in flight: incarnation and number

An incarnation is a process and its generation: it takes another whenever it cannot know what Redis has carried out, so
that all of the old one is void at once, and a call of the old one that comes late does nothing. Each script reads all
that it needs before it writes.
"""

ALIVE_MS = 10_000
# Nobody was heard for so long although all beat four times a second: Redis stood still, or its clock has jumped.
SILENCE_MS = 3_000
# In the beginning of an epoch all processes say what they hold; until then nobody can be granted more.
YOUNG_MS = 600

TIME = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

# ARGV: process, generation, batches carried out, epoch, the ops as JSON (see `budgets.limits.wire`).
# Answers {0} when it is not the caller's turn: it has to register; else {1, processes alive, ms to wait, now, answers}.
BATCH = (
    TIME
    + f"local ALIVE, SILENCE, YOUNG = {ALIVE_MS}, {SILENCE_MS}, {YOUNG_MS}"
    + """
local MAX, BUCKETS, SEEDING = 9007199254740991, 120, 5000
local me = ARGV[1] .. ':' .. ARGV[2]
local process = 'tollkeeper:process:' .. ARGV[1]
local epoch = redis.call('GET', 'tollkeeper:epoch')
local batches = redis.call('HGET', process, 'batches')
local beats = redis.call('ZRANGEBYSCORE', 'tollkeeper:alive', now - ALIVE, '+inf', 'WITHSCORES')
local alive, latest = {}, 0
for i = 1, #beats, 2 do
  alive[beats[i]] = true
  latest = math.max(latest, tonumber(beats[i + 1]))
end
if epoch ~= ARGV[4] or batches ~= ARGV[3] or not alive[me] or now - latest > SILENCE then
  return {0}
end
local age = now - tonumber(string.match(epoch, '%d+$'))
local wait = (age >= 0 and age < YOUNG) and YOUNG - age or 0
local counters, meters, parallels = {}, {}, {}

-- What others hold, what this process holds, and the fields of those who died.
local function shares(found, at, prefix)
  found.others, found.mine, found.dead = 0, 0, {}
  local flat, rest = redis.call('HGETALL', at), {}
  for i = 1, #flat, 2 do
    local name = flat[i]
    if string.sub(name, 1, #prefix) ~= prefix then
      rest[name] = flat[i + 1]
    else
      local owner = string.sub(name, #prefix + 1)
      if owner == me then
        found.mine, found.stored = tonumber(flat[i + 1]), true
      elseif alive[owner] then
        found.others = found.others + tonumber(flat[i + 1])
      else
        found.dead[#found.dead + 1] = name
      end
    end
  end
  found.empty = #flat == 0
  return rest
end

local function counter(key, expires)
  local c = counters[key]
  if not c then
    c = {at = 'tollkeeper:c:' .. key, expires = expires}
    local rest = shares(c, c.at, 'h:')
    if rest.e == epoch then
      c.spent, c.asked, c.pending = tonumber(rest.s), tonumber(rest.u), tonumber(rest.p)
    end
    counters[key] = c
  end
  return c
end

local function parallel(key)
  local p = parallels[key]
  if not p then
    p = {at = 'tollkeeper:p:' .. key}
    shares(p, p.at, '')
    parallels[key] = p
  end
  return p
end

local function meter(key, width, window)
  local m = meters[key]
  if m then return m end
  m = {at = 'tollkeeper:m:' .. key, width = width, window = window, current = math.floor(now / width)}
  m.touched, m.gone, m.raw = {}, {}, {}
  local f = redis.call('HMGET', m.at, 'r', 't', 'first', 'newest')
  m.r, m.t = tonumber(f[1] or 0), tonumber(f[2] or 0)
  m.first, m.newest = tonumber(f[3] or m.current), tonumber(f[4] or m.current)
  local oldest = m.current - BUCKETS
  if m.first < oldest then
    if m.newest < oldest then
      m.r, m.t, m.first, m.reset = 0, 0, m.current, true
    else
      local last, names = math.min(oldest, m.first + BUCKETS) - 1, {}
      for i = m.first, last do
        names[#names + 1] = 'r' .. i
        names[#names + 1] = 't' .. i
      end
      local values = redis.call('HMGET', m.at, unpack(names))
      for i = 1, #names, 2 do
        if values[i] then
          m.r, m.t = m.r - values[i], m.t - (values[i + 1] or 0)
          m.gone[#m.gone + 1] = names[i]
          m.gone[#m.gone + 1] = names[i + 1]
        end
      end
      m.first, m.moved = last + 1, true
    end
  end
  meters[key] = m
  return m
end

local function bucket(m, index)
  local b = m.touched[index]
  if not b then
    local f = m.reset and {} or redis.call('HMGET', m.at, 'r' .. index, 't' .. index)
    b = {tonumber(f[1] or 0), tonumber(f[2] or 0)}
  end
  return b
end

local function touch(m, index, b)
  m.touched[index], m.moved = b, true
  m.first, m.newest = math.min(m.first, index), math.max(m.newest, index)
end

-- Milliseconds until so many requests (kind 1) or tokens (kind 2) will have left the window.
local function leave(m, excess, kind)
  local last = math.min(m.current, m.first + 2 * BUCKETS)
  local raw = m.raw[kind]
  if not raw then
    raw = {}
    if not m.reset and last >= m.first then
      local names = {}
      for i = m.first, last do names[#names + 1] = (kind == 1 and 'r' or 't') .. i end
      local values = redis.call('HMGET', m.at, unpack(names))
      for i = 1, #names do raw[m.first + i - 1] = values[i] end
    end
    m.raw[kind] = raw
  end
  for i = m.first, last do
    local b = m.touched[i]
    excess = excess - (b and b[kind] or tonumber(raw[i] or 0))
    if excess <= 0 then return math.max(1, (i + BUCKETS + 1) * m.width - now) end
  end
  return (m.current + BUCKETS + 1) * m.width - now
end

-- {1, ceiling, floor, tokens, {{key, limit, expires}}, {{key, width, window, requests, tokens}}, {{key, limit}}}
local function ask(op)
  local ceiling, floor, tokens, cs, ms, ps = op[2], op[3], op[4], op[5], op[6], op[7]
  if wait > 0 and (#cs > 0 or #ps > 0) then return {4} end
  local unknown = {3}
  for i, check in ipairs(cs) do
    local c = counter(check[1], check[3])
    if not c.spent then
      unknown[#unknown + 1] = i - 1
      if not c.asked or now - c.asked > SEEDING then c.asked, c.pending = now, 0 end
      c.dirty = true
    end
  end
  if #unknown > 1 then return unknown end
  local hold = ceiling
  for i, check in ipairs(cs) do
    local c, limit = counters[check[1]], check[2]
    local held = c.others + c.mine
    local left = limit - c.spent - held
    if c.spent >= limit or (left < ceiling and left < floor) then return {2, 1, i - 1, c.spent, held, 0, 0} end
    hold = math.min(hold, left)
  end
  for i, check in ipairs(ps) do
    local p = parallel(check[1])
    local used = p.others + p.mine
    if used >= check[2] then return {2, 2, i - 1, 0, 0, used, 0} end
  end
  for i, check in ipairs(ms) do
    local m = meter(check[1], check[2], check[3])
    if check[4] >= 0 and m.r + 1 > check[4] then
      return {2, 3, i - 1, 0, 0, m.r, leave(m, m.r + 1 - check[4], 1)}
    end
    if check[5] >= 0 and m.t + tokens > check[5] then
      return {2, 4, i - 1, 0, 0, m.t, leave(m, m.t + tokens - check[5], 2)}
    end
  end
  local answer = {1, hold}
  for _, check in ipairs(cs) do
    local c = counters[check[1]]
    c.mine, c.dirty = c.mine + hold, true
    answer[#answer + 1] = c.spent
  end
  for _, check in ipairs(ms) do
    local m = meters[check[1]]
    local b = bucket(m, m.current)
    b[1], b[2], m.r, m.t = b[1] + 1, b[2] + tokens, m.r + 1, m.t + tokens
    touch(m, m.current, b)
    answer[#answer + 1] = check[4] - m.r
    answer[#answer + 1] = check[5] - m.t
  end
  for _, check in ipairs(ps) do
    local p = parallels[check[1]]
    p.mine, p.dirty = p.mine + 1, true
    answer[#answer + 1] = check[2] - p.others - p.mine
  end
  return answer
end

-- {2, {{key, release, spent, expires}}, {{key, width, window, bucket, difference}}, {key}}
local function settle(op)
  for _, part in ipairs(op[2]) do
    local c = counter(part[1], part[4])
    c.mine, c.dirty = math.max(0, c.mine - part[2]), true
    if c.spent then
      c.spent = math.min(math.max(0, c.spent + part[3]), MAX)
    elseif c.asked then
      c.pending = c.pending + part[3]
    end
  end
  for _, part in ipairs(op[3]) do
    local m = meter(part[1], part[2], part[3])
    if part[4] >= m.current - BUCKETS then
      local b = bucket(m, part[4])
      local difference = math.max(part[5], -b[2])
      if difference ~= 0 then
        b[2], m.t = b[2] + difference, m.t + difference
        touch(m, part[4], b)
      end
    end
  end
  for _, key in ipairs(op[4]) do
    local p = parallel(key)
    p.mine, p.dirty = math.max(0, p.mine - 1), true
  end
  return 0
end

-- {3, key, spent, expires, 1 to leave what is unknown unknown}
local function seed(op)
  local c = counter(op[2], op[4])
  if not c.spent and op[5] == 1 then return 0 end
  if c.spent then
    c.spent = math.min(math.max(c.spent, op[3]), MAX)
  else
    c.spent, c.asked, c.seeded = math.min(math.max(0, op[3] + (c.pending or 0)), MAX), nil, true
  end
  c.dirty = true
  return 0
end

local answers, kinds = {}, {ask, settle, seed}
for i, op in ipairs(cjson.decode(ARGV[5])) do answers[i] = kinds[op[1]](op) end

-- Only here anything is written.
local function write(at, set, gone)
  if #set > 0 then redis.call('HSET', at, unpack(set)) end
  if #gone > 0 then redis.call('HDEL', at, unpack(gone)) end
end

for _, c in pairs(counters) do
  if c.dirty or #c.dead > 0 then
    local set, gone = {}, c.dead
    if c.spent then
      set = {'e', epoch, 's', c.spent}
      if c.seeded then gone[#gone + 1], gone[#gone + 2] = 'u', 'p' end
    elseif c.asked then
      set = {'e', epoch, 'u', c.asked, 'p', c.pending}
      gone[#gone + 1] = 's'
    end
    if c.mine > 0 then
      set[#set + 1] = 'h:' .. me
      set[#set + 1] = c.mine
    elseif c.stored then
      gone[#gone + 1] = 'h:' .. me
    end
    write(c.at, set, gone)
    if c.empty and #set > 0 then redis.call('EXPIREAT', c.at, c.expires) end
  end
end
for _, p in pairs(parallels) do
  if p.dirty or #p.dead > 0 then
    local set, gone = {}, p.dead
    if p.mine > 0 then
      set = {me, p.mine}
    elseif p.stored then
      gone[#gone + 1] = me
    end
    write(p.at, set, gone)
    if #set > 0 then redis.call('EXPIRE', p.at, 86400) end
  end
end
for _, m in pairs(meters) do
  if m.reset then redis.call('DEL', m.at) end
  if m.moved then
    local set = {'r', m.r, 't', m.t, 'first', m.first, 'newest', m.newest}
    for index, b in pairs(m.touched) do
      local n = #set
      set[n + 1], set[n + 2], set[n + 3], set[n + 4] = 'r' .. index, b[1], 't' .. index, b[2]
    end
    write(m.at, set, m.gone)
    redis.call('PEXPIRE', m.at, m.window * 1000 + 2 * m.width)
  end
end
redis.call('ZADD', 'tollkeeper:alive', now, me)
redis.call('HSET', process, 'batches', batches + 1)
redis.call('EXPIRE', process, 3600)
local living = 0
for _ in pairs(alive) do living = living + 1 end
return {1, living, wait, now, answers}
"""
)

# ARGV: process, generation, batches it knows to be carried out, an epoch to be ended or '', random text for a new one,
# what it holds as JSON: {{{key, held, expires}}, {{key, in flight}}}.
# Answers {1, epoch, batches carried out}, and {0} to a call that comes late.
REGISTER = (
    TIME
    + f"local ALIVE, SILENCE = {ALIVE_MS}, {SILENCE_MS}"
    + """
local me = ARGV[1] .. ':' .. ARGV[2]
local process = 'tollkeeper:process:' .. ARGV[1]
local known = redis.call('HMGET', process, 'generation', 'batches')
if known[1] and tonumber(known[1]) >= tonumber(ARGV[2]) then return {0} end
local epoch = redis.call('GET', 'tollkeeper:epoch')
local beats = redis.call('ZREVRANGE', 'tollkeeper:alive', 0, 0, 'WITHSCORES')
local batches = tonumber(known[2] or 0)
local holds = cjson.decode(ARGV[6])

-- Fewer batches than were carried out: this Redis is older than it was.
local rewound = batches < tonumber(ARGV[3])
local silent = not beats[2] or now - tonumber(beats[2]) > SILENCE
if not epoch or rewound or silent or epoch == ARGV[4] then
  epoch = ARGV[5] .. ':' .. string.format('%.0f', now)
  redis.call('SET', 'tollkeeper:epoch', epoch)
end
if known[1] then redis.call('ZREM', 'tollkeeper:alive', ARGV[1] .. ':' .. known[1]) end
redis.call('ZREMRANGEBYSCORE', 'tollkeeper:alive', '-inf', now - ALIVE)
redis.call('ZADD', 'tollkeeper:alive', now, me)
redis.call('HSET', process, 'generation', ARGV[2], 'batches', batches)
redis.call('EXPIRE', process, 3600)
for _, hold in ipairs(holds[1]) do
  local at = 'tollkeeper:c:' .. hold[1]
  redis.call('HSET', at, 'h:' .. me, hold[2])
  redis.call('EXPIREAT', at, hold[3])
end
for _, slots in ipairs(holds[2]) do
  local at = 'tollkeeper:p:' .. slots[1]
  redis.call('HSET', at, me, slots[2])
  redis.call('EXPIRE', at, 86400)
end
return {1, epoch, batches}
"""
)

# ARGV: process, generation. What it held is void.
LEAVE = """
redis.call('ZREM', 'tollkeeper:alive', ARGV[1] .. ':' .. ARGV[2])
redis.call('DEL', 'tollkeeper:process:' .. ARGV[1])
return {1}
"""
