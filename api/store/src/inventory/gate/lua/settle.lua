-- Ends a hold and tells the absolute numbers its transaction returned. An older version loses.
-- ARGV: epoch, digest, outcome (committed | released | void),
--       then stock, capacity, used, open, version for each stock.
if not loaded() then return 0 end
local digest, outcome = ARGV[2], ARGV[3]
drop(digest)
for i = 4, #ARGV, 5 do
  local id = ARGV[i]
  local stock = read(id)
  -- A stock the tag does not hold comes with `gate.sync`.
  if stock then
    if tonumber(ARGV[i + 4]) > stock.version then
      redis.call('HSET', tag, 'stock:' .. id,
        table.concat({ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], stock.lapses}, ' '))
    end
    local live = without(redis.call('HGET', tag, 'live:' .. id) or '', digest)
    if outcome == 'committed' then live = live .. digest .. ',' end
    if live == '' then
      redis.call('HDEL', tag, 'live:' .. id)
    else
      redis.call('HSET', tag, 'live:' .. id, live)
    end
  end
end
return 1
