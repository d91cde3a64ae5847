# frozen_string_literal: true

module Bench
  # CPU per request, or the peak of memory: all peers run, one is loaded at a time, in the order A B C, C B A, A B C, …
  class CpuRounds
    WARM_UP_SECONDS = 1
    LOG_SECONDS = 5
    # A generator stops with requests under way, so a log may be ahead of the count but not behind it.
    LOGGED_SHARE = 0.999

    def initialize(workload, peers, rounds:, seconds:, directory:, progress:)
      @workload = workload
      @peers = peers
      @rounds = rounds
      @seconds = seconds
      @directory = directory
      @progress = progress
    end

    def call
      @peers.each { |peer| prepare(peer) }
      rounds = Array.new(@rounds) do |index|
        order = index.even? ? @peers : @peers.reverse
        order.to_h { |peer| [ peer.name, measure(peer) ] }.tap { |round| @progress.call(index + 1, round) }
      end
      Result.new(workload: @workload, rounds:)
    ensure
      @peers.each(&:stop)
    end

    private

    def prepare(peer)
      peer.start(@workload, File.join(@directory, peer.name))
      Check.new(@workload, @directory).call(peer)
      load(peer, WARM_UP_SECONDS)
    end

    def measure(peer)
      File.truncate(peer.log_path, 0) if peer.log_path
      pids = peer.pids
      before = Usage.cpu_seconds(pids)
      outcome = load(peer, @seconds)
      raise Error, "#{peer.name} ended under load" unless peer.running? && peer.pids == pids

      cpu = Usage.cpu_seconds(pids) - before
      raise Error, "#{peer.name} answered no request of #{@workload.name}" if outcome.requests.zero?

      cost = @workload.measure == :peak ? Usage.peak_mib(pids) : cpu * 1_000_000 / outcome.requests
      Sample.new(cost:, faults: outcome.faults + log_faults(peer, outcome.requests),
        details: { requests_per_second: outcome.requests_per_second })
    end

    def load(peer, seconds)
      @workload.load.run(peer.url(@workload), seconds:, cores: Host.cores(@workload.threads).load)
    end

    def log_faults(peer, requests)
      return [] unless peer.log_path

      deadline = Clock.now + LOG_SECONDS
      until (lines = lines_in(peer.log_path)) >= requests * LOGGED_SHARE
        return [ "#{lines} log lines for #{requests} requests" ] if Clock.now > deadline

        sleep 0.1
      end
      []
    end

    def lines_in(path)
      File.open(path) do |file|
        lines = 0
        buffer = +""
        lines += buffer.count("\n") while file.read(1 << 20, buffer)
        lines
      end
    end
  end
end
