-- Given a word behind `--`, looks at every answer and counts those that are not 200. That makes wrk
-- slow, so it is done before what is measured; then the sums below say the same: no status that is an
-- error, and as many bytes as that many whole answers have.

local threads = {}

function setup(thread)
    thread:set("wrong", 0)
    table.insert(threads, thread)
end

function init(args)
    if args[1] then
        function response(status)
            if status ~= 200 then
                wrong = wrong + 1
            end
        end
    end
end

function done(summary, latency)
    local wrong = 0
    for _, thread in ipairs(threads) do
        wrong = wrong + thread:get("wrong")
    end
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"us":%d,"bytes":%d,"wrong":%d,"broken":%d,"p50_us":%d,"p99_us":%d}\n',
        summary.requests, summary.duration, summary.bytes, wrong + errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
