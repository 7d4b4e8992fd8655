-- wrk: what every load ends with, a line of requests/s, p50 and p99 in milliseconds, and how many
-- requests failed: those that were refused, and those that got no answer.
function done(summary, latency)
  local e = summary.errors
  local failed = e.status + e.connect + e.read + e.write + e.timeout
  io.write(string.format("RESULT %.0f %.3f %.3f %d\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, failed))
end
