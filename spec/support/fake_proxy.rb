# frozen_string_literal: true

require "json"
require "socket"

# A control socket that says what a test wants: lines of JSON, one after another, for each command.
class FakeProxy
  attr_reader :socket, :asked

  # Each command, a hash with strings for keys, goes to the block; what it returns is said: objects, texts as they are,
  # an array of these, or nil to say nothing. `:close` closes the connection.
  def initialize(directory, &answer)
    @socket = File.join(directory, "control.sock")
    @asked = Queue.new
    @answer = answer || ->(_) { { reply: "ok", status: { state: "ready" } } }
    @server = UNIXServer.new(@socket)
    @threads = [ Thread.new { loop { serve(@server.accept) } } ]
    @threads.first.report_on_exception = false
  end

  def stop
    @server.close
    @threads.each(&:kill).each { _1.join(5) }
  rescue IOError
    nil # The thread that accepts has ended with its server.
  end

  private
    def serve(connection)
      @threads << Thread.new do
        while line = connection.gets
          command = JSON.parse(line)
          @asked << command
          said = @answer.call(command)
          (said.is_a?(Array) ? said : [ said ]).compact.each { say(connection, _1) }
        end
      rescue IOError, SystemCallError
        nil # The other side has left.
      ensure
        connection.close
      end
    end

    def say(connection, word)
      case word
      when :close then connection.close
      when Hash then connection.write("#{JSON.generate({ version: 1 }.merge(word))}\n")
      else connection.write(word)
      end
    end
end
