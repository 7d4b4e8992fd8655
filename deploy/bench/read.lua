-- wrk: reads. PATHS is a file with a path a line, taken in turn.
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

function done(summary, latency)
  io.write(string.format("RESULT %.0f %.3f %.3f %d\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.errors.status))
end
