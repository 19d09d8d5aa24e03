-- Counts one request against every limit, or against none when one has no room.
--
-- KEYS: a count for each limit. ARGV: what to do, then nine for each limit: algorithm, how many may
-- pass, window in milliseconds, burst, cost, whether it is only reported, whether refused requests count, how many more are
-- wanted, and the name of the request where requests under way are counted.
-- What to do: "decide"; "charge" counts in any case; "look" counts nothing; "refuse" counts only where refused requests count.
-- Returns for each limit whether it had room, how many are left, milliseconds until all are there again and until there can
-- be room, how many were taken besides the cost, and a mark of where it was counted, 0 where nothing new was.
--
-- The time is Redis's. Every count expires. Whatever can fail does so before the first write, so that a script that ends in an
-- error has counted nothing.

-- Microseconds since an origin of our own: smaller numbers leave a double more room for fractions.
local time = redis.call('TIME')
local now = (tonumber(time[1]) - 1760000000) * 1000000 + tonumber(time[2])

local algorithms = {}

-- A number, which expires with the window that the first request began.
algorithms.fixed_window = {
  look = function(key, limit)
    local value = redis.call('GET', key)
    -- Anything but a number that is exact in Lua is not ours, and is overwritten.
    local count = value and #value <= 15 and value:match('^%d+$') and tonumber(value)
    limit.reset = limit.window
    if count then
      limit.reset = redis.call('PTTL', key)
      -- A count without an expiry, or with one beyond the window (the policy was changed), would refuse for too long.
      if limit.reset < 0 or limit.reset > limit.window then
        redis.call('PEXPIRE', key, limit.window)
        limit.reset = limit.window
      end
    end
    limit.count = count
    limit.free = limit.most - (count or 0)
    limit.retry = limit.reset
  end,
  add = function(key, limit, cost)
    if limit.count then
      redis.call('INCRBY', key, cost)
    else
      redis.call('SET', key, cost, 'PX', limit.window)
    end
    limit.mark = redis.call('PEXPIRETIME', key)
  end,
}

-- A hash of counts by the sixteenth of a window in which they came. The sixteenth that has begun to leave the window counts as a
-- whole, so that no span of a window's length ever has more than the limit.
algorithms.sliding_window = {
  look = function(key, limit)
    local span = limit.window * 1000 / 16
    local current = math.floor(now / span)
    limit.bucket, limit.old, limit.newest = current, {}, nil
    local used, living = 0, {}
    local fields = redis.call('HGETALL', key)
    for i = 1, #fields, 2 do
      local bucket, count = tonumber(fields[i]), tonumber(fields[i + 1])
      if bucket and count and bucket >= current - 16 and bucket <= current then
        used = used + count
        living[#living + 1] = { bucket = bucket, count = count }
        limit.newest = math.max(limit.newest or bucket, bucket)
      else
        limit.old[#limit.old + 1] = fields[i]
      end
    end
    limit.free = limit.most - used
    -- A bucket has left with the seventeenth after it.
    local leaves = function(bucket) return math.ceil(((bucket + 17) * span - now) / 1000) end
    limit.reset = limit.newest and leaves(limit.newest) or 0
    limit.whole = leaves(current)
    table.sort(living, function(a, b) return a.bucket < b.bucket end)
    local free = limit.free
    limit.retry = limit.reset
    for _, one in ipairs(living) do
      free = free + one.count
      if free >= limit.need then
        limit.retry = leaves(one.bucket)
        break
      end
    end
  end,
  add = function(key, limit, cost)
    if #limit.old > 0 then redis.call('HDEL', key, unpack(limit.old)) end
    redis.call('HINCRBY', key, limit.bucket, cost)
    redis.call('PEXPIRE', key, limit.whole)
    limit.reset = limit.whole
    limit.mark = limit.bucket
  end,
}

-- When the bucket will be full again (the theoretical arrival time of GCRA).
algorithms.token_bucket = {
  look = function(key, limit)
    limit.interval = limit.window * 1000 / limit.most
    local full = tonumber(redis.call('GET', key) or '') or now
    -- Further ahead than an empty bucket is a clock that was set back, or a policy that was changed; a debt is bounded so, too.
    full = math.min(math.max(full, now), now + 2 * limit.burst * limit.interval)
    limit.full = full
    local room = limit.burst * limit.interval - (full - now)
    limit.free = math.floor(room / limit.interval + 1e-6)
    limit.reset = math.ceil((full - now) / 1000)
    limit.retry = math.ceil((limit.need * limit.interval - room) / 1000)
  end,
  add = function(key, limit, cost)
    local full = limit.full + cost * limit.interval
    limit.reset = math.max(math.ceil((full - now) / 1000), 1)
    redis.call('SET', key, string.format('%.17g', full), 'PX', limit.reset)
    limit.mark = 1
  end,
}

-- A sorted set of the requests under way, by when each is given up.
algorithms.concurrency = {
  look = function(key, limit)
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    local used = redis.call('ZCARD', key)
    limit.known = redis.call('ZSCORE', key, limit.lease)
    limit.free = limit.most - used
    limit.reset = used > 0 and limit.window or 0
    local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    limit.retry = first[2] and math.ceil((tonumber(first[2]) - now) / 1000) or limit.window
    if limit.known then limit.free = math.max(limit.free, 0) + 1 end
  end,
  add = function(key, limit)
    redis.call('ZADD', key, now + limit.window * 1000, limit.lease)
    redis.call('PEXPIRE', key, limit.window)
    limit.reset = limit.window
    limit.mark = limit.known and 0 or 1
  end,
}

local mode = ARGV[1]
local limits = {}
local all_have_room = true

for i, key in ipairs(KEYS) do
  local at = 2 + (i - 1) * 9
  local limit = {
    algorithm = algorithms[ARGV[at]], most = tonumber(ARGV[at + 1]), window = tonumber(ARGV[at + 2]),
    burst = tonumber(ARGV[at + 3]), cost = tonumber(ARGV[at + 4]), report_only = ARGV[at + 5] == '1',
    count_denied = ARGV[at + 6] == '1', wanted = tonumber(ARGV[at + 7]), lease = ARGV[at + 8],
  }
  limit.need = math.max(limit.cost, 1)
  limit.algorithm.look(key, limit)
  limit.has_room = limit.free >= limit.need
  all_have_room = all_have_room and (limit.has_room or limit.report_only)
  limits[i] = limit
end

local states = {}
for i, limit in ipairs(limits) do
  local passes = mode == 'charge' or (mode == 'decide' and all_have_room)
  local taken = 0
  if passes and limit.wanted > 0 then
    taken = math.max(0, math.min(limit.wanted, math.floor((limit.free - limit.cost) / 8)))
  end
  local counts = passes or (limit.count_denied and mode ~= 'look')
  local added = counts and limit.cost + taken or 0
  if added > 0 then
    limit.algorithm.add(KEYS[i], limit, added)
    limit.free = limit.free - added
  end
  states[i] = {
    limit.has_room and 1 or 0, math.max(limit.free, 0), math.max(limit.reset, 0),
    limit.has_room and 0 or math.max(limit.retry, 1), taken, added > 0 and limit.mark or 0,
  }
end
return states
