# frozen_string_literal: true

module Bench
  # The longest that any request waits under a steady load on a Rails app, for :restart while that app is restarted.
  class WaitRounds
    # The first requests load what Rails loads late.
    WARM_UP_SECONDS = 3

    # `client` is the path of load_client.
    def initialize(workload, peers, client:, rounds:, seconds:, directory:, progress:)
      @workload = workload
      @peers = peers
      @client = client
      @rounds = rounds
      @seconds = seconds
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
      peer.start(@workload, File.join(@directory, peer.name))
      load = Load::Steady.new(@client, peer.address)
      load.run { sleep WARM_UP_SECONDS }
      outcome = load.run do
        peer.restart if @workload.restart?
        # The old app is still being drained and stopped.
        sleep @seconds
      end
      Sample.new(cost: outcome.longest_ms, faults: outcome.faults)
    ensure
      peer.stop
    end
  end
end
