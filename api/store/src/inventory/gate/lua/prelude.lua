-- Shared by every script of the gate. KEYS: the tag's hash, its holds by expiry. ARGV[1]: the epoch.
--
-- Fields of the hash:
--   @epoch, @loaded_ms   the epoch it was loaded under, and when
--   stock:<id>           "capacity used open version lapses_at_ms", as SQL last said
--   live:<id>            "digest,digest,": whose committed claims live on the stock
--   past:<id>            "digest,digest,": whose claims on it ended while a retry may come; "*": too many to keep
--   held:<id>            "units,digest,digest,": what live holds take of it, and whose they are
--   late:<id>            how many transactions before that version are still to be told
--   told:<id>            "until_ms free lapses_at_ms": until then caches repeat that no more than that is free
--   hold:<digest>        "id=units,id=units,": what one hold takes
local tag, holds, epoch = KEYS[1], KEYS[2], ARGV[1]

-- A tag that is absent, or was loaded under another epoch, is unknown, never free.
local function loaded()
  return redis.call('HGET', tag, '@epoch') == epoch
end

local function clock_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function read(id)
  local text = redis.call('HGET', tag, 'stock:' .. id)
  if not text then return nil end
  local capacity, used, open, version, lapses = string.match(text, '^(%d+) (%d+) (%d) (%d+) (%d+)$')
  return {
    capacity = tonumber(capacity), used = tonumber(used), open = open == '1',
    version = tonumber(version), lapses = lapses,
  }
end

local function read_held(id)
  local text = redis.call('HGET', tag, 'held:' .. id)
  if not text then return 0, '' end
  local units, digests = string.match(text, '^(%d+),(.*)$')
  return tonumber(units), digests
end

-- What was last refused, and until when that is repeated; at most until the hold that was in the way lapses.
local function read_told(id)
  local text = redis.call('HGET', tag, 'told:' .. id)
  if not text then return nil end
  local ends, free, lapses = string.match(text, '^(%d+) (%d+) (%d+)$')
  return {ends = tonumber(ends), free = tonumber(free), lapses = tonumber(lapses)}
end

-- Whether that still stood for somebody who came at this moment of our clock and of theirs.
local function stood(told, clock, theirs)
  return told ~= nil and clock <= told.ends and (told.lapses == 0 or theirs < told.lapses)
end

local function without(list, digest)
  local first, last = string.find(list, digest .. ',', 1, true)
  if not first then return list end
  return string.sub(list, 1, first - 1) .. string.sub(list, last + 1)
end

local function write(field, list)
  if list == '' then redis.call('HDEL', tag, field) else redis.call('HSET', tag, field, list) end
end

-- Forgets a hold and gives its units back to the gate; nothing happens when it is gone already.
local function drop(digest)
  local needs = redis.call('HGET', tag, 'hold:' .. digest)
  redis.call('ZREM', holds, digest)
  if not needs then return end
  redis.call('HDEL', tag, 'hold:' .. digest)
  for id, units in string.gmatch(needs, '([^=,]+)=(%d+),') do
    local total, digests = read_held(id)
    total = total - tonumber(units)
    if total > 0 then
      redis.call('HSET', tag, 'held:' .. id, total .. ',' .. without(digests, digest))
    else
      redis.call('HDEL', tag, 'held:' .. id)
    end
  end
end
