-- Counts one request against every limit, or against none when one has no room.
--
-- KEYS: a counter for each limit. ARGV: for each limit, how many may pass and the window in milliseconds.
-- Returns for each limit whether it had room, the count after the decision, and milliseconds until the reset.
--
-- A counter expires with its window, which Redis begins with the first request that is counted. Whatever can fail
-- does so before the first count, so that a script that ends in an error has counted nothing.

local limits = {}
local all_have_room = true

for i, key in ipairs(KEYS) do
  local most, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local value = redis.call('GET', key)
  -- Anything but a number that is exact in Lua is not ours, and is overwritten.
  local count = value and #value <= 15 and value:match('^%d+$') and tonumber(value)
  local reset = window
  if count then
    reset = redis.call('PTTL', key)
    -- A counter without an expiry, or with one beyond the window (the policy was changed), would deny for too long.
    if reset < 0 or reset > window then
      redis.call('PEXPIRE', key, window)
      reset = window
    end
  end
  local has_room = (count or 0) < most
  all_have_room = all_have_room and has_room
  limits[i] = { has_room = has_room, count = count, window = window, reset = reset }
end

local states = {}
for i, limit in ipairs(limits) do
  if all_have_room then
    if limit.count then
      redis.call('INCR', KEYS[i])
    else
      redis.call('SET', KEYS[i], 1, 'PX', limit.window)
    end
    limit.count = (limit.count or 0) + 1
  end
  states[i] = { limit.has_room and 1 or 0, limit.count or 0, math.max(limit.reset, 1) }
end
return states
