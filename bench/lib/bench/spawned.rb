# frozen_string_literal: true

require "net/http"

module Bench
  # A program that was started on given cores (nil: on any), in a process group of its own, with its output in a file.
  class Spawned
    START_SECONDS = 15
    STOP_SECONDS = 5
    # For one try of `wait_for`: a proxy may hold a request until its app has booted.
    TRY_SECONDS = 2

    # `started_at` is when its exec was done.
    attr_reader :pid, :log_path, :started_at

    def initialize(*command, cores:, env:, log_path:, chdir: ".")
      @name = File.basename(command.first)
      @log_path = log_path
      environment = self.class.environment(log_path).merge(env)
      # taskset becomes the program, so the pid is the program's own. Appending, so that the log may be emptied.
      command = [ "taskset", "-c", cores.join(","), *command ] if cores
      @pid = Process.spawn(environment, *command,
        out: [ log_path, "a" ], err: [ "#{log_path}.err", "a" ], unsetenv_others: true, pgroup: true, chdir:)
      # spawn returns when the child has become the program: it must tell a failed exec from a good one.
      @started_at = Clock.now
    end

    # What every program gets, and nothing else: its HOME is where its log is.
    def self.environment(log_path) = { "PATH" => ENV.fetch("PATH"), "HOME" => File.dirname(log_path) }

    # Returns once `GET url` gets 200.
    def wait_for(url)
      deadline = Clock.now + START_SECONDS
      until answering?(url)
        raise Error, "#{@name} ended while starting: #{last_words}" unless running?
        raise Error, "#{@name} did not answer #{url} within #{START_SECONDS} s: #{last_words}" if Clock.now > deadline

        sleep 0.05
      end
    end

    # Returns as soon as the port of this machine accepts connections. Looks without a pause: it is for measuring.
    def wait_for_listener(port)
      deadline = Clock.now + START_SECONDS
      begin
        TCPSocket.new("127.0.0.1", port).close
      rescue Errno::ECONNREFUSED
        raise Error, "#{@name} ended while starting: #{last_words}" unless running?
        raise Error, "#{@name} did not listen on #{port} within #{START_SECONDS} s: #{last_words}" if Clock.now > deadline

        retry
      end
    end

    def running?
      @pid && Process.waitpid(@pid, Process::WNOHANG).nil?
    rescue Errno::ECHILD
      false
    end

    # TERM, then KILL to the whole group. Safe to call again.
    def stop
      return unless @pid

      deadline = Clock.now + STOP_SECONDS
      signal("TERM")
      sleep 0.02 while running? && Clock.now < deadline
      signal("KILL")
      Process.wait(@pid)
    rescue Errno::ECHILD
      nil
    ensure
      @pid = nil
    end

    private

    def signal(name)
      Process.kill(name, -@pid)
    rescue Errno::ESRCH
      nil
    end

    def answering?(url)
      uri = URI(url)
      # The nil keeps it from a proxy that the environment may name.
      Net::HTTP.start(uri.host, uri.port, nil, open_timeout: TRY_SECONDS, read_timeout: TRY_SECONDS) do |http|
        http.get(uri.path).is_a?(Net::HTTPOK)
      end
    rescue SystemCallError, IOError, Timeout::Error, Net::HTTPBadResponse
      false
    end

    def last_words
      lines = [ "#{@log_path}.err", @log_path ].flat_map { |path| File.readlines(path, chomp: true).last(5) }
      lines.empty? ? "it said nothing" : lines.join(" / ")
    end
  end

  # Time that no clock change moves.
  module Clock
    def self.now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
