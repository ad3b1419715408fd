-- One batch of a view, all or nothing: refuse it unless every stored position is the expected one,
-- apply the operations, store the new positions, publish.
-- KEYS[1]: position hash of the view. KEYS[2]: generation. KEYS[3]: hold.
-- ARGV[1]: MessagePack [expected [[partition, position or ""]], positions [[partition, position]],
--          ops [[...fields, name]], messages [[channel, payload]]], all leaves strings; a field
--          that is a list is one of strings.
-- ARGV[2]: grace of a person's key expiry, ms. ARGV[3]: life of an outcome, s.
-- ARGV[4]: the expected generation after a "=", or empty: whichever.
-- Returns false, or {partition, stored position or ""} of the first position that differs, or
-- {"generation", stored}, or {"hold", ""}.
local batch = cmsgpack.unpack(ARGV[1])
local expected, positions, ops, messages = batch[1], batch[2], batch[3], batch[4]
local grace, outcome_ttl = tonumber(ARGV[2]), ARGV[3]

if ARGV[4] ~= '' then
  if redis.call('EXISTS', KEYS[3]) == 1 then return {'hold', ''} end
  local generation = redis.call('GET', KEYS[2]) or ''
  if '=' .. generation ~= ARGV[4] then return {'generation', generation} end
end
for _, pair in ipairs(expected) do
  local stored = redis.call('HGET', KEYS[1], pair[1]) or ''
  if stored ~= pair[2] then return {pair[1], stored} end
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- Whom a field names, each once, in the order of their bytes: "<" would ask the server's locale.
local function by_bytes(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end
local function hold(op, holds)
  local held = {}
  for id in string.gmatch(redis.call('HGET', op[1], op[2]) or '', '%S+') do
    if id ~= op[3] then table.insert(held, id) end
  end
  if holds then table.insert(held, op[3]) end
  if #held == 0 then return redis.call('HDEL', op[1], op[2]) end
  table.sort(held, by_bytes)
  redis.call('HSET', op[1], op[2], table.concat(held, ' '))
end

local execute = {
  person = function(op)
    local deadline = math.max(tonumber(op[3]), now) + grace
    redis.call('SET', op[1], op[2], 'PXAT', string.format('%.0f', deadline))
  end,
  outcome = function(op) redis.call('SET', op[1], op[2], 'EX', outcome_ttl, 'NX') end,
  count = function(op)
    if redis.call('HINCRBY', op[1], op[2], op[3]) == 0 then redis.call('HDEL', op[1], op[2]) end
  end,
  hold = function(op) hold(op, true) end,
  let_go = function(op) hold(op, false) end,
  append = function(op)
    for _, entry in ipairs(op[2]) do redis.call('RPUSH', op[1], entry) end
    redis.call('LTRIM', op[1], -tonumber(op[3]), -1)
  end,
  ['until'] = function(op)
    local deadline = math.max(tonumber(op[2]), now) + grace
    redis.call('PEXPIREAT', op[1], string.format('%.0f', deadline))
  end,
  del = function(op) redis.call('DEL', op[1]) end,
  hset = function(op) redis.call('HSET', op[1], op[2], op[3]) end,
  hdel = function(op) redis.call('HDEL', op[1], op[2]) end,
  sadd = function(op) redis.call('SADD', op[1], op[2]) end,
  srem = function(op) redis.call('SREM', op[1], op[2]) end,
  zadd = function(op) redis.call('ZADD', op[1], op[3], op[2]) end,
  zrem = function(op) redis.call('ZREM', op[1], op[2]) end,
  sums = function(op)
    local persons = redis.call('HINCRBY', op[1], 'persons', op[4])
    redis.call('HINCRBY', op[1], 'embeddings', op[5])
    redis.call('HINCRBY', op[1], 'visits', op[6])
    if persons > 0 then
      redis.call('SADD', op[2], op[3])
    else
      redis.call('DEL', op[1])
      redis.call('SREM', op[2], op[3])
    end
  end,
}

for _, op in ipairs(ops) do execute[op[#op]](op) end
for _, pair in ipairs(positions) do redis.call('HSET', KEYS[1], pair[1], pair[2]) end
for _, message in ipairs(messages) do redis.call('PUBLISH', message[1], message[2]) end
return false
