# frozen_string_literal: true

module Bench
  # Time from exec to listening: every start is one of a new server, and a round is the median of many.
  class StartRounds
    STARTS = 20

    def initialize(workload, peers, rounds:, directory:, progress:)
      @workload = workload
      @peers = peers
      @rounds = rounds
      @directory = directory
      @progress = progress
    end

    def call
      rounds = Array.new(@rounds) do |index|
        order = index.even? ? @peers : @peers.reverse
        order.to_h { |peer| [ peer.name, measure(peer) ] }.tap { |round| @progress.call(index + 1, round) }
      end
      Result.new(workload: @workload, rounds:)
    end

    private

    def measure(peer)
      times = Array.new(STARTS) { peer.time_start(@workload, File.join(@directory, peer.name)) }
      Sample.new(cost: Spread.of(times).median * 1000)
    end
  end
end
