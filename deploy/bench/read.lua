-- wrk: reads. PATHS is a file with a path a line, taken in turn.
dofile("deploy/bench/result.lua")

local paths = {}
local n = 0

if os.getenv("TOKEN") then wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN") end

function init(args)
  for path in io.lines(os.getenv("PATHS")) do
    paths[#paths + 1] = wrk.format("GET", path)
  end
end

function request()
  n = n % #paths + 1
  return paths[n]
end
