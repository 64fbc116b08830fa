-- Marks a tag cold, unless it was loaded less than ARGV[2] ms ago.
local loaded_ms = tonumber(redis.call('HGET', tag, '@loaded_ms') or '0')
if clock_ms() - loaded_ms < tonumber(ARGV[2]) then return 0 end
return redis.call('HDEL', tag, '@epoch')
