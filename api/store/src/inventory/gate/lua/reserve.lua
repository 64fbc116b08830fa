-- Holds units of stocks, all or nothing, or says in one round trip why not.
-- What is granted comes with the ms since anybody was refused as much, and which stock that was, with how
-- much of it was left: the caller sees whether it came before, which we cannot where a call was long under way.
-- ARGV: epoch, digest, hold_ms, keep_ms, now_ms, arrived_ms, age_ms, repeat_ms, then stock, units for each need.
if not loaded() then return {'cold'} end
local digest, hold_ms, keep_ms, now_ms = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local arrived_ms, age_ms, repeat_ms = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local clock = clock_ms()

-- Holds whose process died come back here; whether their claim committed, `gate.sync` tells.
for _, lapsed in ipairs(redis.call('ZRANGEBYSCORE', holds, '-inf', clock, 'LIMIT', 0, 64)) do
  drop(lapsed)
end
-- The same request asked twice shares one hold.
if redis.call('HEXISTS', tag, 'hold:' .. digest) == 1 then return {'granted', -1, '', 0} end

local verdict, short
local granted = {'granted', -1, '', 0}
for i = 9, #ARGV, 2 do
  local id, units = ARGV[i], tonumber(ARGV[i + 1])
  local stock = read(id)
  if not stock then return {'cold'} end
  local live = redis.call('HGET', tag, 'live:' .. id) or ''
  local past = redis.call('HGET', tag, 'past:' .. id) or ''
  -- A retry wins over a refusal: its claim lives or lived here, SQL knows the answer.
  if string.find(live, digest, 1, true) or string.find(past, digest, 1, true) then return {'known'} end
  if not verdict or verdict[1] == 'unsure' then
    local held, waiting = read_held(id)
    local free = math.max(stock.capacity - stock.used - held, 0)
    local lapses = tonumber(stock.lapses)
    local lapsed = lapses > 0 and lapses <= now_ms
    -- A claim that is to be told yet may count twice: in `used`, and as the hold it was.
    local twice = stock.capacity - stock.used >= units and redis.call('HEXISTS', tag, 'late:' .. id) == 1
    -- Who came while others were told "no" is told the same: its own retry may be among those others,
    -- and a cache that repeats it must not contradict what is given here.
    local told = read_told(id)
    local refused = stood(told, clock - age_ms, arrived_ms)
    local left = refused and math.min(free, told.free) or free
    local partial = past == '*' and 1 or 0
    local known = live .. waiting .. (past == '*' and '' or past)
    if not stock.open then
      -- Where a room was divided, its claims live on other stocks now.
      verdict = {'closed', id, 0, lapses, known, 1, 0}
    elseif left < units then
      if (lapsed or twice) and not refused then
        verdict = {'unsure'}
      else
        -- What is free again is repeated to nobody who comes from now on.
        local repeats = (free < units and not lapsed and partial == 0) and repeat_ms or 0
        verdict = {'sold_out', id, left, lapsed and 0 or lapses, known, partial, repeats}
        short = {id = id, told = told}
      end
    elseif told and told.free < units and (told.lapses == 0 or arrived_ms < told.lapses) then
      local quiet = clock - told.ends
      if granted[2] < 0 or quiet < granted[2] then granted = {'granted', quiet, id, told.free} end
    end
  end
end
if verdict then
  if verdict[1] == 'sold_out' then
    local told, ends, free = short.told, clock + verdict[7], verdict[3]
    if stood(told, clock, now_ms) then ends, free = math.max(ends, told.ends), math.min(free, told.free) end
    redis.call('HSET', tag, 'told:' .. short.id, table.concat({ends, free, verdict[4]}, ' '))
  end
  return verdict
end

local needs = {}
for i = 9, #ARGV, 2 do
  local id, units = ARGV[i], ARGV[i + 1]
  local held, waiting = read_held(id)
  redis.call('HSET', tag, 'held:' .. id, (held + tonumber(units)) .. ',' .. waiting .. digest .. ',')
  needs[#needs + 1] = id .. '=' .. units .. ','
end
redis.call('HSET', tag, 'hold:' .. digest, table.concat(needs))
redis.call('ZADD', holds, clock + hold_ms, digest)
-- The index must not go before the hash whose holds it lists.
redis.call('PEXPIRE', holds, keep_ms)
return granted
