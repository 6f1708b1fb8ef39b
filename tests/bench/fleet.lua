-- A fleet that reports: every request is of another practice, each heartbeat has an id of its own.
-- BENCH_KEYS names a file with a key a line; BENCH_BATCH is how many heartbeats a request has, nine bare to one rich.
local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

local BARE = '{"id":"%s-7%03x-8%03x-%06x%06x","seq":%d,"queued":%d,"sent_at":"%s","interval_s":300,"endpoint":'
    .. '{"id":"00000000-0000-4000-8000-%06x%06x","name":"SRV-%02d","role":"server","os":"Debian 12","agent":"bench/1"}'
local JOB = '{"job":"%s","tool":"restic 0.16.4","run_id":"run-%d","status":"success","started_at":"%s","finished_at":"%s",'
    .. '"bytes_total":%d,"bytes_added":1234567,"files_total":123456,"files_changed":312,"copies":['
    .. '{"medium":"nas","location":"nas-1:/backup","verified_at":"2026-11-20T04:00:00Z"},'
    .. '{"medium":"usb","location":"rotated disk","offline":true,"media_id":"disk-B"},'
    .. '{"medium":"cloud","location":"s3://bucket/practice","immutable_until":"2027-01-20T00:00:00Z"}],'
    .. '"restore_points":{"count":%d,"oldest_at":"2026-08-21T00:00:00Z"}}'
local MISSING = '{"id":"KB50%05d","severity":"important","released_at":"2026-10-13T00:00:00Z","title":"A cumulative update"}'

local function rich()
    local missing = {}
    for n = 1, 6 do missing[n] = MISSING:format(n) end
    return ',"backups":[' .. JOB:format("database", seq, sent_at, sent_at, 81234567890 + seq, seq % 90) .. ','
        .. JOB:format("imaging", seq, sent_at, sent_at, 912345678900 + seq, seq % 90) .. ']'
        .. ',"patches":{"scanned_at":"' .. sent_at .. '","missing":[' .. table.concat(missing, ",")
        .. (',{"id":"run-%d","severity":"low"}]}'):format(seq)
        .. (',"protection":[{"product":"Defender %d","mode":"active","real_time":true,"tamper_protected":true}]'):format(seq)
        .. (',"alerts":[{"id":"alert-%d","at":"%s","severity":"medium","category":"malware","name":"EICAR",'):format(seq, sent_at)
        .. '"status":"remediated"}]'
end

function init(_)
    local began = os.time() * 1000
    math.randomseed(began + number)
    salt = math.random(0, 0xffffff)
    prefix = string.format("%08x-%04x", math.floor(began / 65536), began % 65536)
    sent_at = os.date("!%Y-%m-%dT%H:%M:%SZ")
    batch = tonumber(os.getenv("BENCH_BATCH"))
    sent, seq = 0, 0
    requests = {}
    for key in io.lines(os.getenv("BENCH_KEYS")) do
        requests[#requests + 1] = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. key }
    end
end

-- The practices take turns; each has one endpoint here, whose `seq` goes on.
local function heartbeat(machine, turn, queued)
    seq = seq + 1
    return BARE:format(prefix, number, math.floor(seq / 0x1000000), salt, seq % 0x1000000,
        turn, queued, sent_at, salt, machine, machine)
end

function request()
    local machine, turn = sent % #requests + 1, math.floor(sent / #requests)
    sent = sent + 1
    local headers = requests[machine]
    if batch == 1 then
        return wrk.format("POST", "/v1/heartbeats", headers, heartbeat(machine, turn, 0) .. "}")
    end
    local beats = {}
    for n = 1, batch do
        beats[n] = heartbeat(machine, turn * batch + n - 1, batch - n) .. (n % 10 == 0 and rich() or "") .. "}"
    end
    return wrk.format("POST", "/v1/heartbeats", headers, "[" .. table.concat(beats, ",") .. "]")
end

function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format('{"requests":%d,"duration_us":%d,"p99_us":%d,"refused":%d,"broken":%d}\n',
        summary.requests, summary.duration, latency:percentile(99), errors.status,
        errors.connect + errors.read + errors.write + errors.timeout))
end
