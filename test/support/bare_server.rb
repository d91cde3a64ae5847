# frozen_string_literal: true

require "net/http"
require "socket"
require "tempfile"

# A server with the example app and no thrust before it, on a free port.
class BareServer
  include Eventually

  BOOT = 60 # seconds for Rails to answer on a busy machine

  attr_reader :port, :pid

  def initialize(command, environment: {})
    @port = free_port
    @output = Tempfile.new("server")
    variables = DummyApp::ENVIRONMENT.merge("PORT" => @port.to_s).merge(environment)
    words = command.map { _1.gsub("PORT", @port.to_s) }
    @pid = Bundler.with_unbundled_env do
      Process.spawn(variables, *words, chdir: DummyApp::ROOT, in: File::NULL, out: @output.path, err: @output.path, pgroup: true)
    end
  end

  # Returns when the app answers.
  def ready
    eventually("the app's answer", within: BOOT) do
      raise "the server ended (#{@status}):\n#{output}" if ended?

      get("/up").code.to_i < 500
    rescue SystemCallError, EOFError, Net::OpenTimeout, Net::ReadTimeout
      false
    end
    self
  end

  def get(path, headers = {})
    Net::HTTP.start("127.0.0.1", port, open_timeout: 5, read_timeout: 20, max_retries: 0) { _1.get(path, headers) }
  end

  def accepts?
    Socket.tcp("127.0.0.1", port, connect_timeout: 5).close
    true
  rescue Errno::ECONNREFUSED
    false
  end

  def signal(name)
    Process.kill(name, pid)
  end

  def output
    File.read(@output.path)
  end

  # Its Process::Status once it has ended by itself.
  def wait(within: BOOT)
    eventually("the end of the server", within:) { ended? }
    @status
  end

  def ended?
    @status ||= (Process.wait2(pid, Process::WNOHANG) || []).last
  end

  def stop
    Process.kill("KILL", -pid)
  rescue Errno::ESRCH
    nil
  ensure
    wait
    @output.close!
  end

  private
    def free_port
      server = TCPServer.new("127.0.0.1", 0)
      server.addr[1]
    ensure
      server&.close
    end
end
