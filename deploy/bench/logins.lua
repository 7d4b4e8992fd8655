-- wrk: wrong passwords of one account, each from another address (HTTP_TRUSTED_PROXIES must name us).
dofile("deploy/bench/result.lua")

local n = 0

wrk.method = "POST"
wrk.path = "/auth/login"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"email":"bench@example.com","password":"a wrong password"}'

function request()
  n = n + 1
  wrk.headers["X-Forwarded-For"] = string.format("10.%d.%d.%d", n / 65536 % 256, n / 256 % 256, n % 256)
  return wrk.format()
end
