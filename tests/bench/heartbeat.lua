-- One bare heartbeat a request, each with an id of its own; the key comes from the environment.
-- Every thread is an endpoint; requests of its connections may overtake each other, so that some are cold.
local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(_)
    local began = os.time() * 1000
    salt = math.random(0, 0xfff) * 0x1000 + math.random(0, 0xfff)
    prefix = string.format("%08x-%04x", math.floor(began / 65536), began % 65536)
    endpoint = string.format("00000000-0000-4000-8000-%06x%06x", salt, number)
    sent_at = os.date("!%Y-%m-%dT%H:%M:%SZ")
    seq = 0
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")
end

function request()
    seq = seq + 1
    local id = string.format("%s-7%03x-8%03x-%06x%06x", prefix, number, math.floor(seq / 0x1000000), salt, seq % 0x1000000)
    return wrk.format(nil, "/v1/heartbeats", nil, string.format(
        '{"id":"%s","seq":%d,"queued":0,"sent_at":"%s","interval_s":300,'
        .. '"endpoint":{"id":"%s","name":"SRV-%02d","role":"server","os":"Debian 12","agent":"bench/1"}}',
        id, seq, sent_at, endpoint, number))
end

function done(summary, latency, _)
    io.write(string.format('{"requests":%d,"duration_us":%d,"p99_us":%d,"errors":%d}\n',
        summary.requests, summary.duration, latency:percentile(99),
        summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout))
end
