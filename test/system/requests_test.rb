# frozen_string_literal: true

require "test_helper"
require "open3"

class RequestsTest < SystemTest
  test "the app hears of the client: host, address, scheme, start and id of the request" do
    seen = seen_by_app

    assert_equal "127.0.0.1:#{thrust.port}", seen["headers"]["host"]
    assert_equal "http://127.0.0.1:#{thrust.port}/request", seen["url"]
    assert_equal "127.0.0.1", seen["headers"]["x-forwarded-for"]
    assert_equal "127.0.0.1:#{thrust.port}", seen["headers"]["x-forwarded-host"]
    assert_equal "http", seen["headers"]["x-forwarded-proto"]
    assert_match(/\At=\d{13}\z/, seen["headers"]["x-request-start"])
    assert_equal seen["headers"]["x-request-id"], seen["request_id"]
  end

  test "what a proxy in front says of the client reaches the app" do
    seen = seen_by_app({ "X-Forwarded-For" => "203.0.113.7", "X-Forwarded-Proto" => "https", "X-Forwarded-Host" => "shop.example" })

    assert_equal "203.0.113.7, 127.0.0.1", seen["headers"]["x-forwarded-for"]
    assert_equal "203.0.113.7", seen["remote_ip"]
    assert_equal "https://shop.example/request", seen["url"]
  end

  test "FORWARD_HEADERS=0 keeps what a client says of itself from the app" do
    server = start_thrust(environment: { "THRUSTER_FORWARD_HEADERS" => "0" })

    seen = seen_by_app({ "X-Forwarded-For" => "203.0.113.7", "X-Forwarded-Proto" => "https" }, server:)

    assert_equal "127.0.0.1", seen["headers"]["x-forwarded-for"]
    assert_equal "http", seen["headers"]["x-forwarded-proto"]
  end

  test "headers that only concern one connection or the proxy itself do not reach the app" do
    seen = seen_by_app({ "Connection" => "X-Secret", "X-Secret" => "1", "X-Sendfile-Type" => "X-Lighttpd-Send-File", "X-Accel-Mapping" => "/=/" })

    assert_empty seen["headers"].keys & %w[x-secret x-accel-mapping]
    assert_not_equal "X-Lighttpd-Send-File", seen["headers"]["x-sendfile-type"]
  end

  test "path and query reach the app byte for byte" do
    target = "/request?q=a%2Fb;c&y=1+2&&z"

    seen = JSON.parse(thrust.get(target).body)

    assert_equal target, seen["target"]
  end

  test "one id joins the answer, the app's request and both logs" do
    response = thrust.get("/request?from=id-test", "X-Request-Id" => "the-id-of-this-test")

    assert_equal "the-id-of-this-test", response["X-Request-Id"]
    assert_equal "the-id-of-this-test", JSON.parse(response.body)["request_id"]
    eventually("the app's log line") { thrust.output.include?('[the-id-of-this-test] Started GET "/request') }
    eventually("the proxy's log line") do
      thrust.log.any? { _1["msg"] == "Request" && _1.value?("the-id-of-this-test") }
    end
  end

  test "the app's log says how long a request waited before Rails had it" do
    thrust.get("/request", "X-Request-Id" => "the-wait-of-this-test")

    line = eventually("the app's log line") { thrust.output[/\[the-wait-of-this-test\] Completed .*/] }

    assert_match(/200 OK in \d+ms \(Queue: \d+\.\dms \| /, line)
  end

  test "every request leaves one line with thruster's names" do
    thrust.get("/nowhere/log-test", "User-Agent" => "test")

    line = request_line("/nowhere/log-test")

    assert_equal [ "GET", 404, "test", "HTTP/1.1" ], line.values_at("method", "status", "user_agent", "proto")
    assert_operator line["dur"], :>=, 0
    assert_equal 1, thrust.log.count { _1["path"] == "/nowhere/log-test" }
  end

  test "a client that leaves while the app still thinks is logged with 499, at once" do
    socket = thrust.socket
    socket.write "GET /slow/3?left=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    eventually("the request in the app") { thrust.output.include?('Started GET "/slow/3') }
    socket.close

    line = request_line("/slow/3")

    assert_equal 499, line["status"]
    assert_operator line["dur"], :<, 3000
  end

  test "a client that begins with HTTP/2 is served over HTTP/2" do
    url = "http://127.0.0.1:#{thrust.port}/request?over=h2"

    answer, status = Open3.capture2("curl", "--silent", "--max-time", "20", "--http2-prior-knowledge", url)

    assert status.success?, status.to_s
    assert_equal "/request?over=h2", JSON.parse(answer)["target"]
    eventually("a log line that says HTTP/2.0") { thrust.log.any? { _1["proto"] == "HTTP/2.0" && _1["query"] == "over=h2" } }
  end

  test "a JSON document comes back as it was" do
    document = { "name" => "Ünïcode ✓", "list" => [ 1, 2.5, "x" ], "deep" => { "er" => true } }

    response = post("/echo", JSON.generate(document), "application/json")

    assert_equal "201", response.code
    assert_equal "application/json; charset=utf-8", response["Content-Type"]
    assert_equal document, JSON.parse(response.body)
  end

  private
    def seen_by_app(headers = {}, server: thrust)
      JSON.parse(server.get("/request", headers).body)
    end
end
