# frozen_string_literal: true

module Bench
  # What one round gave for one peer. `cost` is µs of CPU per request, or KiB per connection.
  Sample = Data.define(:cost, :faults, :details) do
    def initialize(cost:, faults: [], details: {}) = super
  end

  # All rounds of one workload: a list of { peer name => Sample }. `failure` says why there is none.
  Result = Data.define(:workload, :rounds, :failure) do
    def initialize(workload:, rounds: [], failure: nil) = super

    def peer_names = rounds.flat_map(&:keys).uniq

    def cost(peer) = Spread.of(samples(peer).map(&:cost))

    def detail(peer, name) = Spread.of(samples(peer).filter_map { _1.details[name] })

    # Of costs in the same round, so that what disturbed the machine disturbs both sides of the division.
    def ratio(peer, base)
      Spread.of(rounds.filter_map { |round| round[peer].cost / round[base].cost if round[peer] && round[base] })
    end

    # Errors of any round void the row: a server that fails fast looks cheap.
    def faults(peer) = samples(peer).flat_map(&:faults)

    def faulty? = !failure.nil? || peer_names.any? { |peer| faults(peer).any? }

    private

    def samples(peer) = rounds.filter_map { _1[peer] }
  end
end
