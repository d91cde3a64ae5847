# frozen_string_literal: true

require "test_helper"
require "support/web_socket_client"

class ActionCableTest < SystemTest
  ROOM = JSON.generate(channel: "RoomChannel", name: "lobby").freeze

  setup { @clients = [] }
  teardown { @clients.each(&:close) }

  test "what one browser says, another hears" do
    ann, bob = enter, enter

    ann.send_json(command: "message", identifier: ROOM, data: JSON.generate(action: "say", text: "hello"))

    assert_equal "hello", bob.receive_json.dig("message", "text")
    assert_equal "hello", ann.receive_json.dig("message", "text")
  end

  test "the app's choice of protocol and key comes back" do
    client = connect

    assert client.open?
    assert_equal "actioncable-v1-json", client.headers["sec-websocket-protocol"]
  end

  test "what is sent right behind the handshake is not lost" do
    subscribe = WebSocketClient.frame(WebSocketClient::TEXT, JSON.generate(command: "subscribe", identifier: ROOM))

    client = connect(early: subscribe)

    assert_equal %w[welcome confirm_subscription], 2.times.map { client.receive_json["type"] }
  end

  test "a handshake from another site is refused by the app, not by the proxy" do
    client = connect(origin: "http://evil.example")

    assert_equal 404, client.status
  end

  test "a WebSocket is logged when it ends, with status 101" do
    client = connect(path: "/cable?logged=1")
    assert_empty websocket_lines

    client.close
    lines = eventually("the line about the WebSocket") { websocket_lines.presence }

    assert_equal [ 101 ], lines.map { _1["status"] }
  end

  private
    def connect(path: "/cable", **options)
      WebSocketClient.new(thrust.socket, path:, host: "127.0.0.1:#{thrust.port}", **options).tap { @clients << _1 }
    end

    def enter
      connect.tap do |client|
        assert_equal "welcome", client.receive_json["type"]
        client.send_json(command: "subscribe", identifier: ROOM)
        assert_equal "confirm_subscription", client.receive_json["type"]
      end
    end

    def websocket_lines
      thrust.log.select { _1["path"] == "/cable" && _1["query"] == "logged=1" }
    end
end
