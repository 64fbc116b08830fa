-- Holds units of stocks, all or nothing, or says in one round trip why not.
-- ARGV: epoch, digest, hold_ms, keep_ms, now_ms, then stock, units for each need.
if not loaded() then return {'cold'} end
local digest, hold_ms, keep_ms, now_ms = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local clock = clock_ms()

-- Holds whose process died come back here; whether their claim committed, `gate.sync` tells.
for _, lapsed in ipairs(redis.call('ZRANGEBYSCORE', holds, '-inf', clock, 'LIMIT', 0, 64)) do
  drop(lapsed)
end
-- The same request asked twice shares one hold.
if redis.call('HEXISTS', tag, 'hold:' .. digest) == 1 then return {'granted'} end

local verdict
for i = 6, #ARGV, 2 do
  local id, units = ARGV[i], tonumber(ARGV[i + 1])
  local stock = read(id)
  if not stock then return {'cold'} end
  local live = redis.call('HGET', tag, 'live:' .. id) or ''
  local past = redis.call('HGET', tag, 'past:' .. id) or ''
  -- A retry wins over a refusal: its claim lives or lived here, SQL knows the answer.
  if string.find(live, digest, 1, true) or string.find(past, digest, 1, true) then return {'known'} end
  if not verdict or verdict[1] == 'lapsed' then
    local held, waiting = read_held(id)
    local free = stock.capacity - stock.used - held
    local lapses = tonumber(stock.lapses)
    local partial = past == '*' and 1 or 0
    local known = live .. waiting .. (past == '*' and '' or past)
    if not stock.open then
      -- Where a room was divided, its claims live on other stocks now.
      verdict = {'closed', id, 0, lapses, known, 1}
    elseif free < units then
      if lapses > 0 and lapses <= now_ms then
        verdict = {'lapsed'}
      else
        verdict = {'sold_out', id, math.max(free, 0), lapses, known, partial}
      end
    end
  end
end
if verdict then return verdict end

local needs = {}
for i = 6, #ARGV, 2 do
  local id, units = ARGV[i], ARGV[i + 1]
  local held, waiting = read_held(id)
  redis.call('HSET', tag, 'held:' .. id, (held + tonumber(units)) .. ',' .. waiting .. digest .. ',')
  needs[#needs + 1] = id .. '=' .. units .. ','
end
redis.call('HSET', tag, 'hold:' .. digest, table.concat(needs))
redis.call('ZADD', holds, clock + hold_ms, digest)
-- The index must not go before the hash whose holds it lists.
redis.call('PEXPIRE', holds, keep_ms)
return {'granted'}
