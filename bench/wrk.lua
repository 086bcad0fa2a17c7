-- The percentile that wrk's own report leaves out.
function done(summary, latency, requests)
    io.write(string.format("99.9%% %.0fus\n", latency:percentile(99.9)))
end
