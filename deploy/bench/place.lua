-- wrk: places orders of random products for random customers. PRODUCTS=1 makes one product hot.
-- The requests are made before the clock starts: making them would take the time of the server.
dofile("deploy/bench/result.lua")

local products = tonumber(os.getenv("PRODUCTS"))
local lines = products > 1 and 2 or 1
local requests = {}
local n = 0

wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
wrk.headers["Content-Type"] = "application/json"

local function id(kind, n)
  return string.format("%08x-0000-7000-8000-%012x", kind, n)
end

local function order()
  local itens = {}
  for line = 1, lines do
    itens[line] = string.format('{"product_id":"%s","quantidade":1}', id(2, math.random(products)))
  end
  return string.format('{"customer_id":"%s","itens":[%s]}', id(1, math.random(1000)), table.concat(itens, ","))
end

function init(args)
  math.randomseed(os.time() + tonumber(tostring({}):sub(8), 16) % 1000000)
  for i = 1, 20000 do
    requests[i] = wrk.format(nil, "/orders", nil, order())
  end
end

function request()
  n = n % #requests + 1
  return requests[n]
end
