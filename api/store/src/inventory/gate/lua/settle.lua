-- Ends a hold and tells the absolute numbers its transaction returned. An older version loses.
-- ARGV: epoch, digest, outcome (committed | released | void), most_past_bytes,
--       then stock, capacity, used, open, version, how, lapses_at_ms for each stock; how the last is meant:
--       as_before (nothing is known), not_after (one more hold lapses then), at (the first of all does).
if not loaded() then return 0 end
local digest, outcome = ARGV[2], ARGV[3]
drop(digest)
for i = 5, #ARGV, 7 do
  local id = ARGV[i]
  local stock = read(id)
  -- A stock the tag does not hold comes with `gate.sync`.
  if stock then
    local version = tonumber(ARGV[i + 4])
    -- Each transaction adds one to the version, and they are not told in their order.
    local ahead = version - stock.version
    if ahead > 1 then redis.call('HINCRBY', tag, 'late:' .. id, ahead - 1) end
    if ahead < 0 and redis.call('HINCRBY', tag, 'late:' .. id, -1) <= 0 then
      redis.call('HDEL', tag, 'late:' .. id)
    end
    if ahead > 0 then
      local lapses, how, at = stock.lapses, ARGV[i + 5], ARGV[i + 6]
      if how == 'at' or (how == 'not_after' and (lapses == '0' or tonumber(at) < tonumber(lapses))) then
        lapses = at
      end
      redis.call('HSET', tag, 'stock:' .. id,
        table.concat({ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], version, lapses}, ' '))
    end
    local live = without(redis.call('HGET', tag, 'live:' .. id) or '', digest)
    if outcome == 'committed' then live = live .. digest .. ',' end
    write('live:' .. id, live)
    if outcome == 'released' then
      local past = redis.call('HGET', tag, 'past:' .. id) or ''
      if past ~= '*' and not string.find(past, digest, 1, true) then
        past = past .. digest .. ','
        write('past:' .. id, #past > tonumber(ARGV[4]) and '*' or past)
      end
    end
  end
end
return 1
