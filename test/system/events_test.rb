# frozen_string_literal: true

require "test_helper"

class EventsTest < SystemTest
  test "an event reaches the browser before the next one is made" do
    socket = listen("one")
    assert_includes read_until(socket, "\n\n"), "data: listening"

    say "one", "hello"
    assert_includes read_until(socket, "\n\n"), "data: hello"
    say "one", ""

    assert_match(/0\r\n\r\n\z/, read_to_end(socket))
  end

  test "the head of an event stream comes with its first event, not with its end" do
    socket = listen("two")

    head = read_until(socket, "data: listening")

    assert_match %r{\AHTTP/1.1 200 }, head
    assert_match %r{^content-type: text/event-stream}i, head
    socket.close
  end

  test "a browser that leaves an event stream ends it, as such streams end, and the app is told" do
    socket = listen("three")
    read_until(socket, "data: listening")
    socket.close

    line = eventually("the line about the stream") do
      thrust.log.find { _1["path"] == "/events/three" && _1["method"] == "GET" }
    end
    # The app sees it at its next write.
    eventually("the app's notice") do
      say "three", "anybody there?"
      thrust.output.include?("event stream three: the client has left")
    end

    assert_equal 200, line["status"]
  end

  private
    def listen(id)
      thrust.socket.tap { _1.write "GET /events/#{id} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" }
    end

    def say(id, text)
      assert_equal "202", post("/events/#{id}", text, "text/plain").code
    end
end
