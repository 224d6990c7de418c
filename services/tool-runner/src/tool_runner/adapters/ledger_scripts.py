"""How does one entry of the call ledger change, atomically?

An entry is a hash: s(tate), h(ash of tool and arguments), o(wner), l(ease end, ms), c(ommand), v(erdict, sealed)."""

_NOW = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
"""

# ARGV: arguments hash, owner, command, lease ms, keep ms.
# A failed call had no effect (or one that may be repeated): another command may make it anew, the same one is answered.
_STANDING = (
    _NOW
    + """
local e = redis.call('HMGET', KEYS[1], 's', 'h', 'o', 'l', 'c', 'v')
local function standing()
  if not e[1] then return {'claimed'} end
  if e[2] ~= ARGV[1] then return {'reused'} end
  if e[1] == 'done' or e[1] == 'unknown' or (e[1] == 'failed' and e[5] == ARGV[3]) then
    return {'recorded', e[6], e[5]}
  end
  if e[1] == 'failed' then return {'claimed'} end
  if e[3] ~= ARGV[2] and tonumber(e[4]) > now then return {'busy', tostring(e[4] - now)} end
  if e[1] == 'claimed' then return {'claimed'} end
  return {'orphaned'}
end
local found = standing()
"""
)

# What CLAIM would answer, and nothing is taken.
LOOK = _STANDING + "return found"

CLAIM = (
    _STANDING
    + """
local state = ({claimed = 'claimed', orphaned = 'running'})[found[1]]
if state then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 's', state, 'h', ARGV[1], 'o', ARGV[2], 'c', ARGV[3], 'l', now + ARGV[4])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
return found
"""
)

# ARGV: owner, lease ms, keep ms.
START = (
    _NOW
    + """
if redis.call('HGET', KEYS[1], 'o') ~= ARGV[1] then return {'lost'} end
redis.call('HSET', KEYS[1], 's', 'running', 'l', now + ARGV[2])
return {'ok'}
"""
)

# ARGV: owner, lease ms, keep ms.
RENEW = (
    _NOW
    + """
local e = redis.call('HMGET', KEYS[1], 's', 'o')
if e[2] ~= ARGV[1] or (e[1] ~= 'claimed' and e[1] ~= 'running') then return {'lost'} end
redis.call('HSET', KEYS[1], 'l', now + ARGV[2])
return {'ok'}
"""
)

# ARGV: arguments hash, owner, command, lease ms, keep ms, state, verdict. An entry that Redis has lost is written anew.
FINISH = (
    _NOW
    + """
local owner = redis.call('HGET', KEYS[1], 'o')
if owner and owner ~= ARGV[2] then return {'lost'} end
redis.call('HSET', KEYS[1], 's', ARGV[6], 'h', ARGV[1], 'o', ARGV[2], 'c', ARGV[3], 'l', now, 'v', ARGV[7])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {'ok'}
"""
)
