# frozen_string_literal: true

# One server for all tests that do not ask for their own: an app takes seconds to boot.
class SystemTest < ActiveSupport::TestCase
  include Eventually

  @@shared = @@failure = nil

  class << self
    # A server that did not start is not tried again: each try takes a minute.
    def shared
      raise @@failure if @@failure

      @@shared ||= ThrustServer.new.tap { |server| Minitest.after_run { server.stop } }
    rescue StandardError => error
      raise @@failure = error
    end
  end

  setup { @own = [] }
  teardown { @own.each(&:stop) }

  def thrust
    SystemTest.shared
  end

  # A server of this test alone.
  def start_thrust(**options)
    ThrustServer.new(**options).tap { @own << _1 }
  end

  def post(path, body, type)
    thrust.request Net::HTTP::Post.new(path, "Content-Type" => type).tap { _1.body = body }
  end

  # Everything up to the text; what came behind it is dropped with it.
  def read_until(socket, text, within: 10)
    read(socket, within:) { |bytes| bytes.include?(text) }
  end

  def read_to_end(socket, within: 10)
    read(socket, within:) { false }
  end

  # The line about the one request whose path this is.
  def request_line(path, server: thrust)
    eventually("a log line for #{path}") do
      server.log.find { _1["msg"] == "Request" && _1["path"] == path }
    end
  end

  private
    def read(socket, within:)
      bytes = +""
      eventually("the rest from the socket", within:) do
        bytes << socket.read_nonblock(64 * 1024) while !yield(bytes) && socket.wait_readable(0.1)
        yield(bytes)
      rescue EOFError
        true
      end
      bytes
    rescue Expired => error
      flunk "#{error.message}; so far: #{bytes.byteslice(0, 2000).inspect}"
    end
end
