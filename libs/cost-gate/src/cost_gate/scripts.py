"""Which Lua programs keep the books? Each is one atomic step over all scopes of a reservation.

Books: a hash per scope (`spent`, `held`, `overrun`), a hash per reservation (`amount`, `standing`, `scopes`),
and a sorted set of leases (member: key of the reservation, score: when it lapses, in milliseconds).
A lapse moves a sum from `held` to `spent`, so what is left of a cap never depends on when the sweep came by.
"""

from hashlib import sha1

# Closed reservations are kept this long to recognise repeats and late settlements.
RECORD_KEEP_SECONDS = 7 * 24 * 3600

_CLOSE = f"""
local function close(leases, record, standing, actual)
  local fields = redis.call('HMGET', record, 'amount', 'standing', 'scopes')
  local amount, held, counted = tonumber(fields[1]), 0, 0
  if fields[2] == 'held' then held = amount else counted = amount end
  local overrun = math.max(actual - amount, 0)
  for _, scope in ipairs(cjson.decode(fields[3])) do
    redis.call('HINCRBY', scope, 'held', 0 - held)
    redis.call('HINCRBY', scope, 'spent', actual - counted)
    if overrun > 0 then redis.call('HINCRBY', scope, 'overrun', overrun) end
  end
  redis.call('HSET', record, 'standing', standing)
  redis.call('ZREM', leases, record)
  redis.call('EXPIRE', record, {RECORD_KEEP_SECONDS})
  return overrun
end
local function sweep(leases, now, count)
  local lapsed = redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, count)
  for _, record in ipairs(lapsed) do
    close(leases, record, 'lapsed', tonumber(redis.call('HGET', record, 'amount')))
  end
  return #lapsed
end
"""

# KEYS: leases, reservation, scopes...
# ARGV: amount, lapses at, now, then per scope its cap ('' = none) and the seconds it is kept (0 = for ever)
RESERVE = (
    _CLOSE
    + """
sweep(KEYS[1], ARGV[3], 20)
local standing = redis.call('HGET', KEYS[2], 'standing')
if standing then return {'reserved', standing, tonumber(redis.call('HGET', KEYS[2], 'amount'))} end
local amount = tonumber(ARGV[1])
for i = 3, #KEYS do
  local cap = tonumber(ARGV[2 * i - 2])
  if cap then
    local sums = redis.call('HMGET', KEYS[i], 'spent', 'held')
    local spent, held = tonumber(sums[1] or 0), tonumber(sums[2] or 0)
    if cap == 0 or spent + held + amount > cap then return {'refused', i - 3, spent, held} end
  end
end
local scopes = {}
for i = 3, #KEYS do
  redis.call('HINCRBY', KEYS[i], 'held', amount)
  local keep = tonumber(ARGV[2 * i - 1])
  if keep > 0 then redis.call('EXPIRE', KEYS[i], keep) end
  scopes[i - 2] = KEYS[i]
end
redis.call('HSET', KEYS[2], 'amount', amount, 'standing', 'held', 'scopes', cjson.encode(scopes))
redis.call('ZADD', KEYS[1], ARGV[2], KEYS[2])
return {'reserved', 'new', amount}
"""
)

# KEYS: leases, reservation   ARGV: new standing, actual
SETTLE = (
    _CLOSE
    + """
local standing = redis.call('HGET', KEYS[2], 'standing')
if not standing then return {'unknown', 0} end
if standing == 'settled' or standing == 'released' then return {standing, 0} end
return {standing, close(KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2]))}
"""
)

# KEYS: leases   ARGV: now, how many at most
SWEEP = _CLOSE + "return sweep(KEYS[1], ARGV[1], ARGV[2])"

DIGESTS = {script: sha1(script.encode(), usedforsecurity=False).hexdigest() for script in (RESERVE, SETTLE, SWEEP)}
