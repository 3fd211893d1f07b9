-- One call of one process: what it holds and what it wants, in; what it may have, or when to call again, out.
-- The rules are in the documentation of `shared`. Every number is an integer below 2^53, which a double holds exactly.

local GRACE = 50000 -- how late one may call back before it has lost its place
local BATCH = 2000  -- what comes in so long may be had at once while others wait

local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]

-- What this process tells.
local at = 0
local function word() at = at + 1; return ARGV[at] end
local function number() return tonumber(word()) end
local id, seq, epoch, known = word(), number(), word(), number()
local generation, terms, first_terms = number(), word(), word()
local idle, cold, leaves = number(), number(), number()
local held, pause, words = number(), number(), word()
local cap, lease, ttl, epoch_ttl = number(), number(), number(), number()
local limits = {}
for l = 1, number() do
  limits[l] = { gain = number(), unit = number(), most = number(), owed = number(), back = number() }
end
local runs = {}
for r = 1, number() do
  runs[r] = { count = number(), permit = number() }
  for l = 1, #limits do runs[r][l] = number() end
end

-- So many values cannot be handed over at once.
local function in_parts(command, values)
  for from = 1, #values, 1000 do
    redis.call(command, KEYS[1], unpack(values, from, math.min(from + 999, #values)))
  end
end

-- Whole parts: the division of doubles is exact when nothing is left over.
local function whole(a, b) return (a - math.fmod(a, b)) / b end
local function whole_up(a, b)
  if a <= 0 then return 0 end
  local rest = math.fmod(a, b)
  return (a - rest) / b + (rest > 0 and 1 or 0)
end
local function text(...)
  local parts = {}
  for i, value in ipairs({ ... }) do parts[i] = string.format('%.0f', value) end
  return table.concat(parts, ' ')
end

-- What is known. When the run has failed nobody of it is granted anything; but what is held is heard all the same.
local failure = KEYS[3] and redis.call('GET', KEYS[3])
if failure then runs = {} end
local known_epoch = redis.call('GET', KEYS[2])
local state, members = {}, {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  if string.sub(flat[i], 1, 2) == 'm:' then
    local m, n = { wants = {} }, 0
    for value in string.gmatch(flat[i + 1], '%S+') do
      n = n + 1
      local value = tonumber(value)
      if n == 1 then m.seq = value elseif n == 2 then m.lease = value elseif n == 3 then m.held = value
      elseif n == 4 then m.place = value elseif n == 5 then m.due = value elseif n == 6 then m.permit_place = value
      elseif n == 7 then m.permits = value elseif n == 8 then m.promised = value elseif n == 9 then m.promise_due = value
      else m.wants[n - 9] = value end
    end
    members[string.sub(flat[i], 3)] = m
  else
    state[flat[i]] = flat[i + 1]
  end
end
local me = members[id]
if me and seq <= me.seq then return { 'old' } end

-- The terms: all have begun with the same ones, or are told so; those of the highest generation are in force.
local has = tonumber(state.generation)
if has then
  if first_terms ~= state.first then return { 'differs', state.first } end
  if generation < has or generation == has and terms ~= state.terms then
    return { 'adopt', has, state.terms }
  end
end
local new_terms = has ~= generation

-- Instants that are kept; when the server's clock has stepped back, all of them step back with it.
local seen, not_before, paused_to, line = now, 0, 0, 0
if state.clock then
  local a, b, c, d = string.match(state.clock, '^(%d+) (%d+) (%d+) (%d+)$')
  seen, not_before, paused_to, line = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
end
local changed, gone = {}, {}
local back = seen - now
if back > 0 then
  not_before, paused_to = math.max(0, not_before - back), math.max(0, paused_to - back)
  for name, m in pairs(members) do
    m.lease, m.due, m.promise_due = m.lease - back, m.due - back, m.promise_due - back
    changed[name] = m
  end
end
local since = math.min(seen, now)

-- A loss: what was held is not known, and so nobody gets a permit before every forgotten lease is over.
local lost = 0
if known_epoch then
  local name, made = string.match(known_epoch, '^(%S+) (%d+)$')
  if epoch ~= '' and epoch ~= name then lost = math.min(tonumber(made), now) + lease end
  -- Without the state, and not because nobody has called for long.
  local silence = (epoch_ttl - redis.call('PTTL', KEYS[2])) * 1000
  if not has and silence < lease then lost = now + lease end
  epoch = name
else
  if epoch ~= '' or idle == 0 then lost = now + lease end
  epoch = id .. ':' .. text(seq)
end
if known > 0 and (not me or me.seq < known) then lost = math.max(lost, now + lease) end
if cap > 0 then not_before = math.max(not_before, lost) end

-- Who is gone, and who has not called back in time.
for name, m in pairs(members) do
  if name ~= id then
    if m.lease <= now then
      gone[#gone + 1] = 'm:' .. name
      members[name], changed[name] = nil, nil
    else
      if m.place > 0 and m.due + GRACE < now then m.place = 0; changed[name] = m end
      if m.promised > 0 and m.promise_due < now then
        m.promised, m.permit_place = 0, 0; changed[name] = m
      end
    end
  end
end
me = me or { place = 0, due = 0, permit_place = 0, permits = 0, promised = 0, promise_due = 0, wants = {} }
me.seq, me.lease, me.held = seq, now + lease, held
members[id] = me

-- The buckets, counted up to now. What is missing is empty; nothing comes, and nothing stays, in a pause; and what a
-- server that may have been a replica a moment ago knows to have gathered, may have been taken.
if pause > 0 and now + pause > paused_to then
  paused_to = now + pause
  state.words = words
end
local had = {}
for part in string.gmatch(state.buckets or '', '%S+') do had[#had + 1] = tonumber(part) end
local from = math.max(since, math.min(paused_to, now))
for l, limit in ipairs(limits) do
  local credit, unit = had[2 * l - 1] or 0, had[2 * l] or limit.unit
  if unit ~= limit.unit then credit = unit > 0 and math.floor(credit / unit) * limit.unit or 0 end
  if now < paused_to or since < paused_to then credit = math.min(credit, 0) end
  if state.buckets then
    local missing = limit.most - credit
    if now - from >= whole_up(missing, limit.gain) then credit = limit.most
    else credit = credit + (now - from) * limit.gain end
  end
  limit.credit = math.min(credit, cold == 1 and 0 or limit.most)
end

-- What is given back is there again as far as there has been room for it ever since it was taken: the least of the last
-- lease, or of up to two. Nobody counts before the first is, and what is not known to have had room has had none.
local rooms, gives_back = nil, false
for _, limit in ipairs(limits) do gives_back = gives_back or limit.back > 0 end
if state.rooms or gives_back then
  local kept = {}
  if state.rooms and not new_terms and cold == 0 and since >= paused_to and now >= paused_to then
    for part in string.gmatch(state.rooms, '%S+') do kept[#kept + 1] = tonumber(part) end
  end
  local turn = kept[1] or now
  local is_over = now - turn >= lease
  rooms = { text(is_over and now or turn) }
  for l, limit in ipairs(limits) do
    local room = limit.most - limit.credit
    local before, lately = kept[2 * l] or 0, math.min(kept[2 * l + 1] or room, room)
    if is_over then before, lately = lately, room end
    local back = math.min(limit.back * limit.unit, before, lately)
    limit.credit = limit.credit + back
    rooms[#rooms + 1] = text(before - back, lately - back)
  end
end
local debt = 0 -- how long it takes to pay it back
for _, limit in ipairs(limits) do
  if limit.owed > 0 then limit.credit = math.max(limit.credit - limit.owed * limit.unit, -2 ^ 51) end
  if limit.credit < 0 then debt = math.max(debt, whole_up(-limit.credit, limit.gain)) end
end

-- Who stands in which line, and what those ahead want.
local in_line, permit_line, active, used, promised = false, {}, 0, 0, 0
for l, limit in ipairs(limits) do limit.ahead, limit.others = 0, 0 end
for name, m in pairs(members) do
  used = used + m.held
  if m.held > 0 or m.permit_place > 0 or name == id then active = active + 1 end
  if name ~= id then
    promised = promised + m.promised
    if m.permit_place > 0 then permit_line[#permit_line + 1] = m; m.name = name end
    if m.place > 0 then
      in_line = true
      local ahead = me.place == 0 or m.place < me.place
      for l, limit in ipairs(limits) do
        local wants = m.wants[l] or 0
        limit.others = limit.others + wants
        if ahead then limit.ahead = limit.ahead + wants end
      end
    end
  end
end

-- How many permits it may take: all that are free, or, while others wait for some, up to its share.
local share = cap > 0 and math.floor(cap / active) or 0
local permits = math.huge
if cap > 0 then
  permits = cap - used - promised
  if #permit_line > 0 then permits = math.min(permits, math.max(me.promised, share - held)) end
  permits = math.max(permits, 0)
end

-- Grants, in the order of its own waiters, until something is missing.
local gate = math.max(not_before, paused_to)
local granted, taken, short_of, rest = 0, 0, nil, nil
if now >= gate then
  for index, run in ipairs(runs) do
    local n = run.count
    for l, limit in ipairs(limits) do
      local cost = run[l] * limit.unit
      if cost > 0 then
        local there = limit.credit - limit.ahead * limit.unit
        local some = there > 0 and whole(there, cost) or 0
        if in_line then
          local spare = limit.credit - limit.others * limit.unit
          local more = spare > 0 and whole(spare, cost) or 0
          some = math.min(some, math.max(1, math.floor(BATCH * limit.gain / cost), more))
        end
        n = math.min(n, some)
      end
    end
    local by_permit = run.permit == 1 and permits < n
    if by_permit then n = permits end
    for l, limit in ipairs(limits) do limit.credit = limit.credit - n * run[l] * limit.unit end
    granted = granted + n
    if run.permit == 1 then permits, taken = permits - n, taken + n end
    if n < run.count then
      rest = { run = run, index = index, count = run.count - n }
      short_of = (by_permit or run.permit == 1 and permits <= 0) and 'permit' or 'token'
      break
    end
  end
end
me.held = held + taken
used = used + taken

-- Its places in the lines, and when it is to call again: for as many as come in a batch, and for the first alone.
local wait, first = -1, -1
me.promised = 0
if short_of == 'token' then
  if me.place == 0 or granted > 0 then
    line = line + 1
    me.place = line
    for l, limit in ipairs(limits) do limit.ahead = limit.others end
  end
  local count = rest.count
  for l, limit in ipairs(limits) do
    local cost = rest.run[l] * limit.unit
    if cost > 0 then
      count = math.min(count, math.max(1, math.floor(math.min(BATCH * limit.gain, limit.most) / cost)))
    end
  end
  wait, first = 1, 0
  for l, limit in ipairs(limits) do
    me.wants[l] = count * rest.run[l]
    local function due(wants)
      if rest.run[l] == 0 then return 0 end
      return whole_up((limit.ahead + wants) * limit.unit - limit.credit, limit.gain)
    end
    wait, first = math.max(wait, due(me.wants[l])), math.max(first, due(rest.run[l]))
  end
  me.due = now + wait
else
  me.place = 0
end
if short_of == 'permit' then
  if me.permit_place == 0 or taken > 0 then line = line + 1; me.permit_place = line end
  me.permits = rest.count
  for r = rest.index + 1, #runs do me.permits = me.permits + runs[r].permit * runs[r].count end
else
  me.permit_place = 0
end

-- What is free now goes to those in line, first to those below their share; each is woken, and must call in time.
local wake = {}
local free = cap - used - promised
if cap > 0 and free > 0 and #permit_line > 0 and now >= gate then
  table.sort(permit_line, function(a, b)
    local a_full, b_full = a.held + a.promised >= share, b.held + b.promised >= share
    if a_full ~= b_full then return b_full end
    return a.permit_place < b.permit_place
  end)
  for _, m in ipairs(permit_line) do
    if free <= 0 then break end
    if m.promised == 0 then
      m.promised = math.min(free, m.permits, math.max(1, share - m.held))
      m.promise_due = now + GRACE
      free = free - m.promised
      changed[m.name] = m
      wake[#wake + 1] = m.name
    end
  end
end

-- All that has changed: it is there as a whole, or an error and not at all, since only a first write is refused.
changed[id] = me
local fields = { 'clock', text(now, not_before, paused_to, line) }
local function set(field, value) fields[#fields + 1] = field; fields[#fields + 1] = value end
local buckets = {}
for _, limit in ipairs(limits) do buckets[#buckets + 1] = text(limit.credit, limit.unit) end
set('buckets', table.concat(buckets, ' '))
if new_terms then
  set('generation', text(generation)); set('terms', terms)
  if not has then set('first', first_terms) end
end
if rooms then set('rooms', table.concat(rooms, ' ')) end
if pause > 0 and state.words then set('words', state.words) end
for name, m in pairs(changed) do
  if name == id and leaves == 1 then
    gone[#gone + 1] = 'm:' .. name
  else
    set('m:' .. name, text(m.seq, m.lease, m.held, m.place, m.due, m.permit_place, m.permits, m.promised,
      m.promise_due, unpack(m.wants)))
  end
end
in_parts('HSET', fields)
in_parts('HDEL', gone)
local more = math.min(whole_up(debt, 1000), 31536000000)
ttl, epoch_ttl = ttl + more, epoch_ttl + more
-- What holds all of them up is not forgotten before its end.
ttl = math.max(ttl, math.ceil((gate - now) / 1000) + 1000)
epoch_ttl = math.max(epoch_ttl, ttl)
redis.call('PEXPIRE', KEYS[1], ttl)
if known_epoch then redis.call('PEXPIRE', KEYS[2], epoch_ttl)
else redis.call('SET', KEYS[2], epoch .. ' ' .. text(now), 'PX', epoch_ttl) end
for _, name in ipairs(wake) do redis.call('PUBLISH', KEYS[1] .. ':' .. name, 'permit') end

if failure then return { 'failed', failure } end
local gated = math.max(0, gate - now)
local contended = cap > 0 and (#permit_line > 0 or cap - used - promised <= 0)
return {
  'ok', epoch, now, granted, wait, first, short_of == 'permit' and 1 or 0, contended and 1 or 0,
  gated, paused_to > now and paused_to >= not_before and 1 or 0, state.words or '', in_line and 1 or 0,
}
