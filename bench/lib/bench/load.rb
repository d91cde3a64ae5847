# frozen_string_literal: true

require "open3"
require "timeout"

module Bench
  # Load generators: each runs its program for a number of seconds and reads what that says.
  module Load
    # `faults` are the errors by the generator's own words; any of them voids the run.
    Outcome = Data.define(:requests, :requests_per_second, :faults)

    # HTTP/1.1 by wrk, as fast as the connections allow.
    Wrk = Data.define(:connections, :threads, :script, :headers) do
      def self.read(output)
        requests, rate = output[/(\d+) requests in/, 1], output[%r{^Requests/sec:\s*([\d.]+)}, 1]
        raise Error, "wrk gave no count of requests: #{output.strip}" unless requests && rate

        faults = output.scan(/^\s*(Socket errors: .*|Non-2xx or 3xx responses: \d+)$/).flatten
        Outcome.new(requests: requests.to_i, requests_per_second: rate.to_f, faults:)
      end

      def initialize(connections:, threads: 1, script: nil, headers: {}) = super

      def protocol = :http1

      def run(url, seconds:, cores:)
        script_options = script ? [ "-s", File.join(ROOT, "bench/wrk", script) ] : []
        header_options = headers.flat_map { |name, value| [ "-H", "#{name}: #{value}" ] }
        output = Load.capture(cores, seconds, "wrk", "-t#{threads}", "-c#{connections}", "-d#{seconds}s",
          "--timeout", "30s", *script_options, *header_options, url)
        self.class.read(output)
      end
    end

    # The part of a pace below which a run is not what its name says.
    KEPT_PACE = 0.95

    # HTTP/2 with prior knowledge by h2load. `rate`, in requests per second and connection, makes it paced HTTP/1.1.
    H2load = Data.define(:connections, :streams, :rate) do
      def self.read(output)
        counts = output[/^requests: (.*)$/, 1]
        rate = output[%r{^finished in .*?([\d.]+) req/s}, 1]
        raise Error, "h2load gave no count of requests: #{output.strip}" unless counts && rate

        number = ->(word) { counts[/(\d+) #{word}/, 1].to_i }
        statuses = output[/^status codes: (.*)$/, 1].to_s
        faults = %w[failed errored timeout].reject { number.(_1).zero? }.map { "#{number.(_1)} #{_1}" }
        faults += statuses.scan(/([1-9]\d* [345]xx)/).flatten
        Outcome.new(requests: number.("succeeded"), requests_per_second: rate.to_f, faults:)
      end

      def initialize(connections:, streams: 1, rate: nil) = super

      def protocol = rate ? :http1 : :http2

      def run(url, seconds:, cores:)
        pace = rate ? [ "--h1", "--rps=#{rate}" ] : [ "-m#{streams}" ]
        output = Load.capture(cores, seconds, "h2load", "-t1", "-c#{connections}", "-D#{seconds}", *pace, url)
        outcome = self.class.read(output)
        rate ? outcome.with(faults: outcome.faults + pace_faults(outcome)) : outcome
      end

      private

      # h2load says nothing of connections it has lost, but then the pace drops.
      def pace_faults(outcome)
        wanted = rate * connections
        return [] if outcome.requests_per_second >= wanted * KEPT_PACE

        [ "#{outcome.requests_per_second.round} requests per second instead of #{wanted}" ]
      end
    end

    GRACE_SECONDS = 30

    # The output of a generator, which is stopped when it does not end by itself or we are interrupted.
    def self.capture(cores, seconds, *command)
      Thread.handle_interrupt(Interrupt => :never) do
        Open3.popen2e("taskset", "-c", cores.join(","), *command, pgroup: true) do |input, output, thread|
          input.close
          Thread.handle_interrupt(Interrupt => :immediate) { read_until_end(command.first, seconds, output, thread) }
        ensure
          stop(thread)
        end
      end
    end

    def self.read_until_end(name, seconds, output, thread)
      text = Timeout.timeout(seconds + GRACE_SECONDS) { output.read }
      raise Error, "#{name} failed: #{text.strip}" unless thread.value.success?

      text
    rescue Timeout::Error
      raise Error, "#{name} did not end #{GRACE_SECONDS} s after its time"
    end
    private_class_method :read_until_end

    # Ends the whole group of a generator that is still there.
    def self.stop(thread)
      Process.kill("KILL", -thread.pid) if thread.alive?
    rescue Errno::ESRCH
      nil
    end
  end
end
