-- wrk: places orders of random products for random customers. PRODUCTS=1 makes one product hot.
-- IDS is a file of `product ID` and `customer ID` a line, instead of those that setup.sql makes;
-- BUYERS is a file of tokens of customers, a line each, who order for themselves instead of the account
-- of TOKEN for anybody. With KEYED=1 each order has a key of its own, with QUOTE=LINES it is only quoted.
-- The requests are made before the clock starts: making them would take the time of the server.
dofile("deploy/bench/result.lua")

local products, customers = {}, {}
local quote = tonumber(os.getenv("QUOTE") or "0")
local keyed = os.getenv("KEYED")
local path = quote > 0 and "/orders?validate_only=true" or "/orders"
local requests = {}
local n = 0

wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
wrk.headers["Content-Type"] = "application/json"

local function id(kind, n)
  return string.format("%08x-0000-7000-8000-%012x", kind, n)
end

if os.getenv("IDS") then
  for line in io.lines(os.getenv("IDS")) do
    local kind, id = line:match("(%a+) (%S+)")
    table.insert(kind == "product" and products or customers, id)
  end
else
  for i = 1, tonumber(os.getenv("PRODUCTS")) do products[i] = id(2, i) end
  for i = 1, 1000 do customers[i] = id(1, i) end
end

local buyers = {}
if os.getenv("BUYERS") then
  for token in io.lines(os.getenv("BUYERS")) do table.insert(buyers, token) end
end

local function order()
  local itens = {}
  local lines = quote > 0 and quote or math.min(#products, 2)
  for line = 1, lines do
    itens[line] = string.format('{"product_id":"%s","quantidade":1}', products[math.random(#products)])
  end
  itens = table.concat(itens, ",")
  if #buyers > 0 then return string.format('{"itens":[%s]}', itens) end
  return string.format('{"customer_id":"%s","itens":[%s]}', customers[math.random(#customers)], itens)
end

function init(args)
  local seed = os.time() + tonumber(tostring({}):sub(8), 16) % 1000000
  math.randomseed(seed)
  for i = 1, 20000 do
    if #buyers > 0 then wrk.headers["Authorization"] = "Bearer " .. buyers[math.random(#buyers)] end
    if keyed then wrk.headers["Idempotency-Key"] = seed .. "-" .. i end
    requests[i] = wrk.format(nil, path, nil, order())
  end
end

function request()
  n = n % #requests + 1
  return requests[n]
end
