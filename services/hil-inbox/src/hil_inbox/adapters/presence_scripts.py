"""What does Redis do about presence in one step? Its own clock counts."""

_NOW = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"

# KEYS: leases, people, tenants   ARGV: actor, tenant, lease ms, status asked for ('' = as before), people at most
# -> 'full' | status, since ms, 1 if others see a change, now ms
BEAT = (
    _NOW
    + """
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not ends and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[5]) then return {'full'} end
local known, since = string.match(redis.call('HGET', KEYS[2], ARGV[1]) or '', '^(%a+) (%d+)$')
local status, changed = ARGV[4], 0
if status == '' then status = known or 'online' end
if not ends or tonumber(ends) <= now or status ~= known then
  changed, since = 1, string.format('%d', now)
  redis.call('HSET', KEYS[2], ARGV[1], status .. ' ' .. since)
end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('ZADD', KEYS[3], now, ARGV[2])
return {status, since, changed, now}
"""
)

# KEYS: leases, people, work, tenants, sweeps   ARGV: tenant, lease ms, grace ms, kept ms, gap ms, people a sweep
# -> {lapsed since the last sweep}, {gone for longer than the grace}
# Where nobody swept for `gap`, nobody could be heard either (Redis or all of us were away): everybody has their lease
# and grace anew from now on.
SWEEP = (
    _NOW
    + """
local last = tonumber(redis.call('HGET', KEYS[5], ARGV[1] .. ' last') or '0')
local trusted = tonumber(redis.call('HGET', KEYS[5], ARGV[1] .. ' trusted') or '0')
local lapsed = {}
if now - last > tonumber(ARGV[5]) then
  trusted = now
  redis.call('HSET', KEYS[5], ARGV[1] .. ' trusted', string.format('%d', now))
else
  lapsed = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. last, now, 'LIMIT', 0, ARGV[6])
end
redis.call('HSET', KEYS[5], ARGV[1] .. ' last', string.format('%d', now))
if trusted + ARGV[2] + ARGV[3] > now then return {lapsed, {}} end
for _, actor in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3] - ARGV[4], 'LIMIT', 0, ARGV[6])) do
  if trusted + ARGV[2] + ARGV[3] + ARGV[4] <= now then
    redis.call('ZREM', KEYS[1], actor)
    redis.call('HDEL', KEYS[2], actor)
    redis.call('HDEL', KEYS[3], actor)
  end
end
if redis.call('ZCARD', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[4], ARGV[1])
  redis.call('HDEL', KEYS[5], ARGV[1] .. ' last', ARGV[1] .. ' trusted')
end
return {lapsed, redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3], 'LIMIT', 0, ARGV[6])}
"""
)

# KEYS: who assigns   ARGV: this process, lease ms -> 1 if it is this one
TURN = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
