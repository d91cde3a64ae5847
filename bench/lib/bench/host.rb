# frozen_string_literal: true

require "date"
require "etc"
require "open3"
require "socket"

module Bench
  # The machine and the checkout: which cores there are for what, free ports, and what a result file must say.
  module Host
    # Below the range that Linux gives to outgoing connections, so that no client takes a port between choice and bind.
    PORTS = (20_000...32_000)

    Cores = Data.define(:server, :load)

    module_function

    # The proxy gets the last cores, load and app all others; where none is left they share.
    def cores(threads)
      allowed = allowed_cores
      if threads > allowed.size
        raise Error, "the workload wants #{threads} cores for the proxy and this machine has #{allowed.size}"
      end

      server = allowed.last(threads)
      rest = allowed - server
      Cores.new(server:, load: rest.empty? ? allowed : rest)
    end

    def free_port
      100.times do
        port = rand(PORTS)
        TCPServer.new("127.0.0.1", port).close
        return port
      rescue Errno::EADDRINUSE, Errno::EACCES
        next
      end
      raise Error, "found no free port from #{PORTS.min} to #{PORTS.max} on 127.0.0.1"
    end

    def describe
      "#{cpu_model}, #{allowed_cores.size} cores, Linux #{Etc.uname[:release]}"
    end

    def commit
      commit, status = Open3.capture2("git", "-C", ROOT, "rev-parse", "--short", "HEAD", err: File::NULL)
      return "unknown" unless status.success?

      changes, = Open3.capture2("git", "-C", ROOT, "status", "--porcelain", "--", ".", ":!bench/results")
      changes.empty? ? commit.strip : "#{commit.strip}-dirty"
    end

    def today = Date.today.iso8601

    def cpu_model
      File.read("/proc/cpuinfo")[/^model name\s*:\s*(.+)$/, 1] || Etc.uname[:machine]
    end

    def allowed_cores
      File.read("/proc/self/status")[/^Cpus_allowed_list:\s*(.+)$/, 1].split(",").flat_map do |range|
        first, last = range.split("-").map(&:to_i)
        [ *first..(last || first) ]
      end
    end
  end
end
