-- wrk posts the images named in IMAGES (a file, a path a line) in turn, as multipart forms,
-- and prints what it measured as one line of JSON.
local requests, turn = {}, 0

function init(args)
  local boundary = "the-boundary-of-the-form"
  for path in io.lines(os.getenv("IMAGES")) do
    local file = assert(io.open(path, "rb"))
    local body = "--" .. boundary .. "\r\nContent-Disposition: form-data; name=\"file\"; "
      .. "filename=\"image\"\r\nContent-Type: application/octet-stream\r\n\r\n"
      .. file:read("*a") .. "\r\n--" .. boundary .. "--\r\n"
    file:close()
    local headers = { ["Content-Type"] = "multipart/form-data; boundary=" .. boundary }
    requests[#requests + 1] = wrk.format("POST", os.getenv("TARGET"), headers, body)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency, all)
  local failed = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
