# frozen_string_literal: true

require "test_helper"

class PagesTest < SystemTest
  test "a page comes whole, in its layout" do
    response = thrust.get("/")

    assert_equal "200", response.code
    assert_equal "text/html; charset=utf-8", response["Content-Type"]
    assert_equal response["Content-Length"].to_i, response.body.bytesize
    assert_includes response.body, "This page came through thrust"
    assert_match %r{</html>\s*\z}, response.body
  end

  test "a session lives in its cookie from one request to the next" do
    first = thrust.get("/visits")
    cookie = first["Set-Cookie"][/\A[^;]+/]

    second = thrust.get("/visits", "Cookie" => cookie)

    assert_includes first.body, "Visit number 1"
    assert_includes second.body, "Visit number 2"
  end

  test "HEAD tells the length of a page and sends no byte of it" do
    socket = thrust.socket
    socket.write "HEAD /404.html HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    answer = read_to_end(socket)

    assert_match %r{\AHTTP/1.1 200 }, answer
    assert_match(/^content-length: [1-9]/i, answer)
    assert answer.end_with?("\r\n\r\n")
  end

  test "a page that the app does not have is the app's own 404" do
    response = thrust.get("/nowhere")

    assert_equal "404", response.code
    assert_includes response.body, "There is no such page"
  end

  test "requests on one connection are answered in order" do
    socket = thrust.socket
    socket.write "GET /request?n=1 HTTP/1.1\r\nHost: localhost\r\n\r\n" \
      "GET /request?n=2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    answers = read_to_end(socket)

    assert_equal %w[/request?n=1 /request?n=2], answers.scan(/"target":"([^"]+)"/).flatten
  end
end
