-- Charges all limits of one request, or none of them.
--
-- KEYS[1]     what names of keys are hashed with
-- KEYS[2…]    one for each check
-- ARGV[1]     what the caller hashes with, or '' where nothing is kept of it
-- ARGV[2]     microseconds since the epoch, told by a test, or '' for the clock of this server
-- ARGV[3…]    five for each check: 'r' | 'd' | 'm' (a rate, a quota of a day or a month),
--             the room, what the request takes, what the caller would rather take, the room for that
--
-- Answers {2, what to hash with}, or {1 all charged | 0 none, now, and for each check: 1 where it was charged what the
-- caller would rather take | 0, and what was kept of it before}.
--
-- Numbers here are doubles, exact up to 2^53: as microseconds that is the year 2255. Nanoseconds since the epoch are
-- more than that, so they are written as one decimal number and reckoned as microseconds and up to 999 nanoseconds.

local function split(text)
  return tonumber(string.sub(text, 1, -4)) or 0, tonumber(string.sub(text, -3))
end

local function plus(us, ns, more_us, more_ns)
  us, ns = us + more_us, ns + more_ns
  if ns >= 1000 then us, ns = us + 1, ns - 1000 end
  return us, ns
end

local function fits(us, ns, room_us, room_ns)
  return us < room_us or (us == room_us and ns <= room_ns)
end

local DAY = 86400000000

-- As `SET_BACK` of the arithmetic in Rust: further ahead than a limit can owe by more than that, and a state is of a
-- clock that was set back.
local SET_BACK = 60000000

-- The day since the epoch on which the next month begins (days to civil dates as Howard Hinnant has it).
local function next_month(day)
  local z = day + 719468
  local of_era = z % 146097
  local year = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524) - math.floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local month = math.floor((5 * of_year + 2) / 153)
  local of_month = of_year - math.floor((153 * month + 2) / 5)
  -- Months are counted from March, so that the day that is sometimes there is the last one of the year.
  local length = ({31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28})[month + 1]
  if month == 11 then
    local civil = year + 1 + math.floor(z / 146097) * 400
    if civil % 4 == 0 and (civil % 100 ~= 0 or civil % 400 == 0) then length = 29 end
  end
  return day - of_month + length
end

if ARGV[1] ~= '' then
  local kept = redis.call('GET', KEYS[1])
  if not kept then
    redis.call('SET', KEYS[1], ARGV[1])
  elseif kept ~= ARGV[1] then
    return {2, kept}
  end
end

local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- What is charged, and what is mended whether or not something is charged.
local seen, writes, mends, answer, passed = {}, {}, {}, {1, now}, true

local function write(all)
  for _, one in ipairs(all) do
    if ARGV[2] == '' then
      redis.call('SET', one[1], one[2], 'PX', string.format('%.0f', one[3]))
    else
      redis.call('SET', one[1], one[2])
    end
  end
end

-- A state of a rate that is free again so far from now, and the milliseconds that it says something for.
local function state(key, us, ns)
  return {key, string.format('%.0f%03d', now + us, ns), math.floor(us / 1000) + 1}
end

for at = 2, #KEYS do
  local key, first = KEYS[at], 5 * at - 7
  local kind, room, need, want, want_room = ARGV[first], ARGV[first + 1], ARGV[first + 2], ARGV[first + 3], ARGV[first + 4]
  local before = seen[key] or redis.call('GET', key) or ''
  local taken, after = 0, nil
  if kind == 'r' then
    local us, ns = 0, 0
    if before ~= '' then
      if not string.find(before, '^%d+$') then error('BUCKLER no number') end
      us, ns = split(before)
      us = us - now
      if us < 0 then us, ns = 0, 0 end
    end
    local room_us, room_ns = split(room)
    if not fits(us, ns, room_us, room_ns) then
      if not fits(us, ns, room_us + SET_BACK, room_ns) then mends[#mends + 1] = state(key, room_us, room_ns) end
      us, ns = room_us, room_ns
    end
    local new_us, new_ns
    if want ~= need then
      new_us, new_ns = plus(us, ns, split(want))
      if fits(new_us, new_ns, split(want_room)) then taken = 1 end
    end
    if taken == 0 then new_us, new_ns = plus(us, ns, split(need)) end
    if taken == 1 or fits(new_us, new_ns, room_us, room_ns) then
      after = state(key, new_us, new_ns)
    end
  else
    local today = math.floor(now / DAY)
    local ends, ends_next = today + 1, today + 2
    if kind == 'm' then
      ends = next_month(today)
      ends_next = next_month(ends)
    end
    local used = 0
    if before ~= '' then
      local kept_end, kept_used = string.match(before, '^(%d+) (%d+)$')
      if not kept_end then error('BUCKLER no quota') end
      kept_end = tonumber(kept_end)
      -- One that lies ahead was counted before the clock was set back a little: it goes on.
      if kept_end == ends or kept_end == ends_next then
        ends, used = kept_end, math.min(tonumber(kept_used), tonumber(room))
      end
    end
    local new = used + tonumber(want)
    if want ~= need and new <= tonumber(want_room) then
      taken = 1
    else
      new = used + tonumber(need)
    end
    if taken == 1 or new <= tonumber(room) then
      after = {key, string.format('%.0f %.0f', ends, new), math.floor((ends * DAY - now) / 1000) + 1}
    end
  end
  if not after then
    passed = false
  elseif taken == 1 or need ~= '0' then
    seen[key] = after[2]
    writes[#writes + 1] = after
  end
  answer[#answer + 1] = taken
  answer[#answer + 1] = before
end

write(mends)
if passed then
  write(writes)
else
  answer[1] = 0
end
return answer
