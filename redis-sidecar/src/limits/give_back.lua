-- Gives back to some limits what was taken from them and not used.
--
-- KEYS: a count for each limit. ARGV: six for each: algorithm, how many may pass, window in milliseconds, how many come back, the
-- mark of where they were taken from, and the name of the request that has ended.
-- What was taken from a window that has ended since is gone with it.

local time = redis.call('TIME')
local now = (tonumber(time[1]) - 1760000000) * 1000000 + tonumber(time[2])

local give_back = {
  fixed_window = function(key, limit)
    if redis.call('PEXPIRETIME', key) ~= limit.mark then return end
    local count = tonumber(redis.call('GET', key))
    if count and count >= limit.tokens then redis.call('DECRBY', key, limit.tokens) end
  end,
  sliding_window = function(key, limit)
    local count = tonumber(redis.call('HGET', key, limit.mark) or '')
    if count and count >= limit.tokens then redis.call('HINCRBY', key, limit.mark, -limit.tokens) end
  end,
  token_bucket = function(key, limit)
    local full = tonumber(redis.call('GET', key) or '')
    if not full then return end
    full = full - limit.tokens * limit.window * 1000 / limit.most
    local left = math.ceil((full - now) / 1000)
    if left > 0 then
      redis.call('SET', key, string.format('%.17g', full), 'PX', left)
    else
      redis.call('DEL', key)
    end
  end,
  concurrency = function(key, limit)
    redis.call('ZREM', key, limit.lease)
  end,
}

for i, key in ipairs(KEYS) do
  local at = 1 + (i - 1) * 6
  give_back[ARGV[at]](key, {
    most = tonumber(ARGV[at + 1]), window = tonumber(ARGV[at + 2]), tokens = tonumber(ARGV[at + 3]),
    mark = tonumber(ARGV[at + 4]), lease = ARGV[at + 5],
  })
end
return #KEYS
