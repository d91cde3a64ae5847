# frozen_string_literal: true

require "json"
require "net/http"
require "open3"
require "socket"
require "tempfile"
require "timeout"

# `exe/thrust COMMAND` in the example app's directory, or in another app's, on free ports.
class ThrustServer
  include Eventually

  RAILS = %w[bin/rails server].freeze
  LAUNCHER = [ RbConfig.ruby, File.join(DummyApp::PROJECT, "exe/thrust") ].freeze
  BOOT = 60 # seconds for Rails to answer on a busy machine
  COMMAND = 90 # seconds for a command to a running thrust; a restart contains a boot

  attr_reader :port, :target_port, :pid

  # Returns when the app answers, or with `ready: false` as soon as the proxy listens.
  def initialize(command: RAILS, launcher: LAUNCHER, root: DummyApp::ROOT, environment: {}, ready: true)
    DummyApp.prepare if root == DummyApp::ROOT
    @root = root
    @target_port = free_port
    @environment = environment
    @lines = []
    @ledger = Tempfile.new("ledger")
    spawn([ *launcher, *command ], environment)
    @port = eventually("the line Server started", within: BOOT) { port_in_log }
    eventually("the app's answer", within: BOOT) { get("/up").code.to_i < 500 } if ready
  rescue Exception
    stop
    raise
  end

  def get(path, headers = {})
    request Net::HTTP::Get.new(path, headers)
  end

  # One request on a connection of its own; a block gets the response before its body is read.
  def request(request, &)
    Net::HTTP.start("127.0.0.1", port, open_timeout: 5, read_timeout: BOOT, write_timeout: 20, max_retries: 0) do |http|
      http.request(request, &)
    end
  end

  def socket
    Socket.tcp("127.0.0.1", port, connect_timeout: 5)
  end

  def signal(name)
    Process.kill(name, pid)
  end

  # Where the app notes which requests it has seen.
  def ledger
    @ledger.path
  end

  # Runs `thrust WORDS` beside this server, where it finds this server. What it wrote, and its Process::Status.
  def command(*words)
    variables = @environment.slice("RUNTIME_DIRECTORY")
    Bundler.with_unbundled_env do
      Timeout.timeout(COMMAND) { Open3.capture2e(variables, *LAUNCHER, *words, chdir: @root, stdin_data: "") }
    end
  end

  # What both processes wrote to stdout and stderr so far.
  def output
    @lines.dup.join
  end

  # The last of it without the lines about requests, for the message of a test that failed.
  def last_words
    @lines.dup.grep_v(/"msg":"Request"/).last(40).join
  end

  # The proxy's own lines: JSON, one object each.
  def log
    @lines.dup.filter_map do |line|
      JSON.parse(line) if line.start_with?("{")
    rescue JSON::ParserError
      nil # a line of the app, or one that is still being written
    end
  end

  # The proxy's Process::Status.
  def wait(within: 20)
    eventually("the end of thrust", within:) { ended? }
    @status
  end

  def ended?
    @status ||= (Process.wait2(pid, Process::WNOHANG) || []).last
  end

  def stop
    return if pid.nil? || ended?

    signal "TERM"
    wait
  rescue Expired
    # Puma hangs now and then while it stops. The group holds both processes.
    Process.kill("KILL", -pid)
    wait
  ensure
    @reader&.join(5)
    @ledger&.unlink
  end

  private
    # Out of this process's bundle, as a shell would do it; in a group of its own, so that nothing is left behind.
    def spawn(words, environment)
      output, input = IO.pipe
      variables = DummyApp::ENVIRONMENT.merge(
        "THRUSTER_HTTP_PORT" => "0", "THRUSTER_TARGET_PORT" => target_port.to_s, "THRUSTER_LOG_FORMAT" => "json",
        "LEDGER" => ledger
      ).merge(environment)
      @pid = Bundler.with_unbundled_env do
        Process.spawn(variables, *words, chdir: @root, in: File::NULL, out: input, err: input, pgroup: true)
      end
      input.close
      @reader = Thread.new { output.each_line { @lines << _1 } }
    end

    def port_in_log
      gone = ended? && @reader.join(5)
      started = log.find { _1["msg"] == "Server started" }
      raise "thrust ended (#{@status}):\n#{output}" if gone && started.nil?

      started && started["http"].delete_prefix(":").to_i
    end

    def free_port
      server = TCPServer.new("127.0.0.1", 0)
      server.addr[1]
    ensure
      server&.close
    end
end
