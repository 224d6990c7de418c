"""Which Lua programs keep the books? Each is one atomic step over all scopes and limits of a reservation.

Books: a hash per scope and window (`spent`, `held`, `overrun`), one per quota and window (`spent`, `held`, in calls), a
hash per reservation (`amount`, `standing`, `books`, `quotas`, `rates`, `tokens`, who took it over, and after its
settlement what that answered), a hash per rate (level of each bucket and when it was
that, `concurrent`), and a sorted set of leases (member: key of the reservation, score: when it lapses in ms).
A lapse moves a sum from `held` to `spent`, so what is left of a cap never depends on when the sweep came by.
Every script but PUT_BACK and RAISE does nothing unless the mark of the open books is the one that the caller knows:
while they are being rebuilt they stand still (ADR-0009).
"""

# Closed reservations are kept this long to recognise repeats and late settlements.
RECORD_KEEP_SECONDS = 7 * 24 * 3600
RATE_KEEP_SECONDS = 3600
ROUND_KEEP_SECONDS = 600

_CLOSE = f"""
local function close(leases, record, standing, actual)
  local fields = redis.call('HMGET', record, 'amount', 'standing', 'books', 'rates', 'quotas')
  local amount, held, counted = tonumber(fields[1]), 0, 0
  if fields[2] == 'held' then held = amount else counted = amount end
  local overrun = math.max(actual - amount, 0)
  for _, book in ipairs(cjson.decode(fields[3])) do
    redis.call('HINCRBY', book, 'held', 0 - held)
    redis.call('HINCRBY', book, 'spent', actual - counted)
    if overrun > 0 then redis.call('HINCRBY', book, 'overrun', overrun) end
  end
  if held > 0 or fields[2] == 'held' then
    for _, rate in ipairs(cjson.decode(fields[4] or '[]')) do
      local places = tonumber(redis.call('HGET', rate, 'concurrent') or 0)
      if places > 0 then redis.call('HINCRBY', rate, 'concurrent', -1) end
    end
  end
  local calls = 0  -- A call that is not known not to have been made keeps its place.
  if fields[5] then
    local held_calls = fields[2] == 'held' and 1 or 0
    calls = (standing == 'released' and 0 or 1) - (1 - held_calls)
    for _, quota in ipairs(cjson.decode(fields[5])) do
      redis.call('HINCRBY', quota, 'held', 0 - held_calls)
      redis.call('HINCRBY', quota, 'spent', calls)
    end
  end
  redis.call('HSET', record, 'standing', standing)
  redis.call('ZREM', leases, record)
  redis.call('EXPIRE', record, {RECORD_KEEP_SECONDS})
  return overrun, actual - counted, amount, fields[3], calls, fields[5] or '[]'
end
"""

# A reservation that was released is as if it had never been. One that is held already is taken over by whoever asks
# again: its first owner may be dead, and can settle it, but not give it back any more.
# KEYS: open, leases, reservation, books..., quotas..., rates...
# ARGV: one list in JSON, as packing thirty values one by one costs the caller more than all else here:
#       mark, amount, least amount, lapses at, now, tokens, number of books, number of quotas, asker,
#       then per book its cap ('' = none) and the seconds it is kept (0 = for ever),
#       then per quota its limit and the seconds it is kept,
#       then per rate its limits of requests, tokens and concurrency ('' = none)
RESERVE = f"""
local asked = cjson.decode(ARGV[1])
if redis.call('GET', KEYS[1]) ~= asked[1] then return {{'closed'}} end
local standing = redis.call('HMGET', KEYS[3], 'standing', 'amount')
if standing[1] == 'held' then redis.call('HSET', KEYS[3], 'holder', asked[9]) end
if standing[1] and standing[1] ~= 'released' then return {{'reserved', standing[1], tonumber(standing[2])}} end
local most, least, now, tokens = tonumber(asked[2]), tonumber(asked[3]), tonumber(asked[5]), tonumber(asked[6])
local books, quotas, granted = tonumber(asked[7]), tonumber(asked[8]), most
for i = books + 1, books + quotas do
  local sums, limit = redis.call('HMGET', KEYS[3 + i], 'spent', 'held'), tonumber(asked[8 + 2 * i])
  local spent, held = tonumber(sums[1] or 0), tonumber(sums[2] or 0)
  if spent + held >= limit then return {{'over_quota', i - 1 - books, spent, held, spent < limit and 1 or 0}} end
end
for i = 1, books do
  local cap = tonumber(asked[8 + 2 * i])
  if cap then
    local sums = redis.call('HMGET', KEYS[3 + i], 'spent', 'held')
    local spent, held = tonumber(sums[1] or 0), tonumber(sums[2] or 0)
    local left = cap - spent - held
    if cap == 0 or left < least then
      local later = (cap > 0 and cap - spent >= least) and 1 or 0
      return {{'refused', i - 1, spent, held, later}}
    end
    granted = math.min(granted, left)
  end
end
local function level(rate, bucket, limit)
  local was = redis.call('HMGET', rate, bucket, bucket .. '_at')
  if not was[1] then return limit end
  return math.min(limit, tonumber(was[1]) + math.max(now - tonumber(was[2]), 0) * limit / 60000)
end
local first_rate, takes, places = 3 + books + quotas, {{}}, {{}}
for i = 1, #KEYS - first_rate do
  local rate, at = KEYS[first_rate + i], 9 + 2 * (books + quotas) + 3 * (i - 1)
  for n, bucket in ipairs({{'requests', 'tokens'}}) do
    local limit = tonumber(asked[at + n])
    if limit then
      local wanted = bucket == 'requests' and 1 or tokens
      local needed, there = math.min(wanted, limit), level(rate, bucket, limit)
      if there + 0.000001 < needed then  -- 0.7 + 0.3 is less than 1 in doubles.
        return {{'limited', i - 1, bucket, math.ceil((needed - there) * 60000 / limit)}}
      end
      takes[#takes + 1] = {{rate, bucket, there - wanted}}
    end
  end
  local limit = tonumber(asked[at + 3])
  if limit then
    if tonumber(redis.call('HGET', rate, 'concurrent') or 0) >= limit then
      return {{'limited', i - 1, 'concurrent', 100}}
    end
    places[#places + 1] = rate
  end
end
local names, calls, token_rates = {{}}, {{}}, {{}}
for i = 1, books + quotas do
  redis.call('HINCRBY', KEYS[3 + i], 'held', i <= books and granted or 1)
  local keep = tonumber(asked[9 + 2 * i])
  if keep > 0 then redis.call('EXPIRE', KEYS[3 + i], keep) end
  if i <= books then names[i] = KEYS[3 + i] else calls[i - books] = KEYS[3 + i] end
end
if standing[1] then redis.call('DEL', KEYS[3]) end
for _, take in ipairs(takes) do
  redis.call('HSET', take[1], take[2], string.format('%.3f', take[3]), take[2] .. '_at', now)
  redis.call('EXPIRE', take[1], {RATE_KEEP_SECONDS})
  if take[2] == 'tokens' then token_rates[#token_rates + 1] = take[1] end
end
for _, rate in ipairs(places) do
  redis.call('HINCRBY', rate, 'concurrent', 1)
  redis.call('EXPIRE', rate, {RATE_KEEP_SECONDS})
end
redis.call('HSET', KEYS[3], 'amount', granted, 'standing', 'held', 'books', books > 0 and cjson.encode(names) or '[]')
if quotas > 0 then redis.call('HSET', KEYS[3], 'quotas', cjson.encode(calls)) end
if #places > 0 then redis.call('HSET', KEYS[3], 'rates', cjson.encode(places)) end
if #token_rates > 0 then redis.call('HSET', KEYS[3], 'token_rates', cjson.encode(token_rates), 'tokens', tokens) end
redis.call('ZADD', KEYS[2], asked[4], KEYS[3])
return {{'reserved', 'new', granted}}
"""

# KEYS: open, leases, reservation
# ARGV: mark, new standing, actual, tokens that it really took ('' = unknown), asker ('' = has had its answer)
# An asker whose answer was lost on the way asks again and gets that answer: the ledger must have it from somebody.
SETTLE = (
    _CLOSE
    + """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'closed'} end
local fields = redis.call('HMGET', KEYS[3], 'standing', 'token_rates', 'tokens', 'asker', 'answer', 'holder')
local standing = fields[1]
if not standing then return {'unknown', 0, 0, 0, '[]', 0, '[]'} end
if standing == 'settled' or standing == 'released' then
  if ARGV[5] ~= '' and fields[4] == ARGV[5] then return cjson.decode(fields[5]) end
  return {standing, 0, 0, 0, '[]', 0, '[]'}
end
if ARGV[2] == 'released' and fields[6] and fields[6] ~= ARGV[5] then return {'taken_over', 0, 0, 0, '[]', 0, '[]'} end
local took = tonumber(ARGV[4])
if took and fields[2] then
  for _, rate in ipairs(cjson.decode(fields[2])) do
    if redis.call('EXISTS', rate) == 1 then
      redis.call('HINCRBYFLOAT', rate, 'tokens', tonumber(fields[3]) - took)
    end
  end
end
local overrun, added, amount, books, calls, quotas = close(KEYS[2], KEYS[3], ARGV[2], tonumber(ARGV[3]))
local answer = {standing, overrun, added, amount, books, calls, quotas}
if ARGV[5] ~= '' then
  -- As text: JSON here keeps 14 digits of a number.
  local kept = {standing}
  for i = 2, 4 do kept[i] = string.format('%.0f', answer[i]) end
  kept[5], kept[6], kept[7] = books, tostring(calls), quotas
  redis.call('HSET', KEYS[3], 'asker', ARGV[5], 'answer', cjson.encode(kept))
end
return answer
"""
)

# KEYS: open, leases   ARGV: mark, now, how many at most
SWEEP = (
    _CLOSE
    + """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {} end
local lapsed = {}
for _, record in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[2], 'LIMIT', 0, tonumber(ARGV[3]))) do
  local amount = tonumber(redis.call('HGET', record, 'amount') or -1)
  if amount < 0 then
    redis.call('ZREM', KEYS[2], record)
  else
    local _, _, _, books, _, quotas = close(KEYS[2], record, 'lapsed', amount)
    for _, part in ipairs({record, amount, books, quotas}) do lapsed[#lapsed + 1] = part end
  end
end
return lapsed
"""
)

# Puts back what the holder of a reservation knows and the books, or the ledger, may not. What the books have is left.
# What was settled is reported to the rebuilding that is on its way, which looks whether the ledger has it by now; once
# the books are open it is counted here.
# KEYS: open, rebuild lock, leases, reservation, reports of this rebuilding, books..., quotas...
# ARGV: mark ('' = closed), token of the rebuilding, id, amount, lapses at, standing (held or settled),
#       what the settlement added to each book and to each quota, number of books, seconds that each of both is kept...
PUT_BACK = f"""
local open = ARGV[1] ~= ''
if open and redis.call('GET', KEYS[1]) ~= ARGV[1] then return {{0}} end
if not open and redis.call('GET', KEYS[2]) ~= ARGV[2] then return {{0}} end
local amount, added, known = tonumber(ARGV[4]), tonumber(ARGV[7]), redis.call('HGET', KEYS[4], 'standing')
local settled, names, quotas, calls, books = ARGV[6] == 'settled', {{}}, {{}}, tonumber(ARGV[8]), tonumber(ARGV[9])
local function json(list) return #list > 0 and cjson.encode(list) or '[]' end
for i = 6, #KEYS do
  local is_book = i - 5 <= books
  local holds, adds, list = is_book and amount or 1, is_book and added or calls, is_book and names or quotas
  list[#list + 1] = KEYS[i]
  if settled and known == 'held' then redis.call('HINCRBY', KEYS[i], 'held', 0 - holds) end
  if settled and open and (not known or known == 'held') then redis.call('HINCRBY', KEYS[i], 'spent', adds) end
  if not settled and not known then redis.call('HINCRBY', KEYS[i], 'held', holds) end
  local keep = tonumber(ARGV[4 + i])
  if keep > 0 then redis.call('EXPIRE', KEYS[i], keep) end
end
if settled and not open then
  redis.call('HSET', KEYS[5], ARGV[3], cjson.encode({{ARGV[7], json(names), ARGV[8], json(quotas)}}))
  redis.call('EXPIRE', KEYS[5], {ROUND_KEEP_SECONDS})
end
if known and not (settled and known == 'held') then return {{0}} end
redis.call('HSET', KEYS[4], 'amount', amount, 'standing', ARGV[6], 'books', json(names))
if #quotas > 0 then redis.call('HSET', KEYS[4], 'quotas', json(quotas)) end
if settled then
  redis.call('ZREM', KEYS[3], KEYS[4])
  redis.call('EXPIRE', KEYS[4], {RECORD_KEEP_SECONDS})
else
  redis.call('ZADD', KEYS[3], ARGV[5], KEYS[4])
end
return {{1}}
"""

# A book is never less than the ledger says. KEYS: books...   ARGV: per book what the ledger says, and the seconds kept
RAISE = """
for i = 1, #KEYS do
  local spent = tonumber(redis.call('HGET', KEYS[i], 'spent') or 0)
  if tonumber(ARGV[2 * i - 1]) > spent then redis.call('HSET', KEYS[i], 'spent', ARGV[2 * i - 1]) end
  if tonumber(ARGV[2 * i]) > 0 then redis.call('EXPIRE', KEYS[i], ARGV[2 * i]) end
end
return {#KEYS}
"""

# KEYS: open   ARGV: run id of this server, which every mark of its books begins with
CLOSE_UNLESS_SAME = """
local mark = redis.call('GET', KEYS[1])
if mark and string.sub(mark, 1, #ARGV[1] + 1) ~= ARGV[1] .. '/' then redis.call('DEL', KEYS[1]) end
return 1
"""

# KEYS: rebuild lock   ARGV: token, seconds
STILL_MINE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('EXPIRE', KEYS[1], ARGV[2]) end return 0"

# KEYS: rebuild lock, open, reports of this rebuilding   ARGV: token, mark, number of reports that were counted
# Answers 0 where another leads by now, -1 where somebody has reported since.
OPEN_IF_MINE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('HLEN', KEYS[3]) ~= tonumber(ARGV[3]) then return -1 end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[1], KEYS[3])
return 1
"""
