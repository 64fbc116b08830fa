-- Puts the absolute state of stocks as SQL has it. An older version loses.
-- ARGV: epoch, mode (load | sync), keep_ms,
--       then stock, capacity, used, open, version, lapses_at_ms, live, past (see prelude) for each stock.
if ARGV[2] == 'load' then
  if not loaded() then
    -- What was told is still repeated.
    for _, field in ipairs(redis.call('HKEYS', tag)) do
      if string.sub(field, 1, 5) ~= 'told:' then redis.call('HDEL', tag, field) end
    end
    redis.call('DEL', holds)
    redis.call('HSET', tag, '@epoch', epoch, '@loaded_ms', clock_ms())
  end
  redis.call('PEXPIRE', tag, ARGV[3])
elseif not loaded() then
  return 0
end
for i = 4, #ARGV, 8 do
  local id, live = ARGV[i], ARGV[i + 6]
  local stock = read(id)
  if not stock or tonumber(ARGV[i + 4]) >= stock.version then
    redis.call('HSET', tag, 'stock:' .. id,
      table.concat({ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]}, ' '))
    write('live:' .. id, live)
    write('past:' .. id, ARGV[i + 7])
    redis.call('HDEL', tag, 'late:' .. id)
    -- A hold whose claim is committed counts in `used` now, not twice.
    for digest in string.gmatch(live, '([^,]+),') do drop(digest) end
  end
end
return 1
