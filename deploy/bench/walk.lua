-- wrk: walks over a list and prints the cursor of its ten-thousandth page. LIST is the list.
local list = os.getenv("LIST")
local cursor = ""
local left = 9999

wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")

function request()
  return wrk.format("GET", list .. cursor)
end

function response(status, headers, body)
  local next = body:match('"next_cursor":"([^"]+)"')
  if not next then
    io.stderr:write("deploy/bench/walk.lua: ", body:sub(1, 200), "\n")
    os.exit(1)
  end
  cursor = "&cursor=" .. next
  left = left - 1
  if left == 0 then
    io.write("CURSOR ", next, "\n")
    io.stdout:flush()
    os.exit(0)
  end
end
