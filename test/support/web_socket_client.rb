# frozen_string_literal: true

require "securerandom"
require "digest"
require "json"

# The little of RFC 6455 that a test of Action Cable needs: a handshake, text frames up to 64 KiB, deadlines.
class WebSocketClient
  class Closed < StandardError; end
  class TimedOut < StandardError; end

  GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
  TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA

  attr_reader :status, :headers

  # Bytes in `early` leave in the same write as the request, before the server has agreed.
  def initialize(socket, path:, host:, origin: "http://#{host}", protocol: "actioncable-v1-json", early: "")
    @socket = socket
    @buffer = +""
    key = SecureRandom.base64(16)
    socket.write <<~HEAD.gsub("\n", "\r\n") + early
      GET #{path} HTTP/1.1
      Host: #{host}
      Origin: #{origin}
      Connection: keep-alive, Upgrade
      Upgrade: websocket
      Sec-WebSocket-Version: 13
      Sec-WebSocket-Key: #{key}
      Sec-WebSocket-Protocol: #{protocol}

    HEAD
    read_head
    @accepted = Digest::SHA1.base64digest(key + GUID)
  end

  def open?
    status == 101 && headers["sec-websocket-accept"] == @accepted
  end

  def send_json(object)
    @socket.write self.class.frame(TEXT, JSON.generate(object))
  end

  # The next message that is not one of Action Cable's pings.
  def receive_json(within: 10)
    deadline = now + within
    loop do
      opcode, payload = read_frame(deadline)
      case opcode
      when TEXT
        message = JSON.parse(payload)
        return message unless message["type"] == "ping"
      when PING then @socket.write self.class.frame(PONG, payload)
      when CLOSE then raise Closed
      end
    end
  end

  def close
    @socket.close
  end

  # One frame, masked as a client's frames are.
  def self.frame(opcode, payload)
    length = payload.bytesize < 126 ? [ 0x80 | payload.bytesize ].pack("C") : [ 0xfe, payload.bytesize ].pack("Cn")
    mask = SecureRandom.bytes(4)
    masked = payload.bytes.each_with_index.map { |byte, index| byte ^ mask.getbyte(index % 4) }
    [ 0x80 | opcode ].pack("C") + length + mask + masked.pack("C*")
  end

  private
    def read_head
      deadline = now + 10
      fill(deadline) until @buffer.include?("\r\n\r\n")
      head, @buffer = @buffer.split("\r\n\r\n", 2)
      first, *fields = head.split("\r\n")
      @status = first.split(" ")[1].to_i
      @headers = fields.to_h { |field| field.split(/:\s*/, 2).then { |name, value| [ name.downcase, value ] } }
    end

    def read_frame(deadline)
      first, second = take(2, deadline).unpack("CC")
      length = second & 0x7f
      length = take(2, deadline).unpack1("n") if length == 126
      length = take(8, deadline).unpack1("Q>") if length == 127
      [ first & 0x0f, take(length, deadline) ]
    end

    def take(length, deadline)
      fill(deadline) until @buffer.bytesize >= length
      @buffer.slice!(0, length)
    end

    def fill(deadline)
      left = deadline - now
      raise TimedOut if left <= 0 || !@socket.wait_readable(left)

      @buffer << @socket.readpartial(16 * 1024)
    rescue EOFError
      raise Closed
    end

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
end
