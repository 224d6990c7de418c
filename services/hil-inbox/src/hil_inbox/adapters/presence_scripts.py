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
# Where nobody swept for `gap`, nobody could be heard either (Redis or all of us were away). That time counts for
# nobody, however often it happens. Leases end so much later, but not later than if they were renewed now.
SWEEP = (
    _NOW
    + """
local last = tonumber(redis.call('HGET', KEYS[5], ARGV[1]) or now)
local lapsed = {}
if now - last > tonumber(ARGV[5]) then
  local leases = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
  for i = 1, #leases, 2 do
    redis.call('ZADD', KEYS[1], math.min(leases[i + 1] + now - last, now + ARGV[2]), leases[i])
  end
else
  lapsed = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. last, now, 'LIMIT', 0, ARGV[6])
end
redis.call('HSET', KEYS[5], ARGV[1], string.format('%d', now))
for _, actor in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3] - ARGV[4], 'LIMIT', 0, ARGV[6])) do
  redis.call('ZREM', KEYS[1], actor)
  redis.call('HDEL', KEYS[2], actor)
  redis.call('HDEL', KEYS[3], actor)
end
if redis.call('ZCARD', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[4], ARGV[1])
  redis.call('HDEL', KEYS[5], ARGV[1])
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
