-- POST with a body of 10 MiB, sent by the same connection again and again.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/octet-stream"
wrk.body = string.rep("x", 10 * 1024 * 1024)
