-- wrk: best sellers of ever another period, so that hardly any is cached.
dofile("deploy/bench/result.lua")

local n = 0

function request()
  n = n % 365 + 1
  return wrk.format("GET", "/products/best-sellers?days=" .. n)
end
