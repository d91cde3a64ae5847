# frozen_string_literal: true

require "tmpdir"

module Bench
  # One call of bench/run: the named workloads, one after the other, then the report.
  class Session
    def initialize(arguments)
      @programs = Programs.new
      @options = Options.parse(arguments, usual_peers: @programs.usual)
    end

    # True when every row is a row. A missed bar is a figure, not a failure.
    def call
      peers = @programs.peers(@options.peers)
      results = Dir.mktmpdir("thrust-bench-") do |directory|
        @options.workloads.map { |workload| run(workload, peers, File.join(directory, workload.name)) }
      end
      report = Report.new(results, settings: @options.to_s)
      puts report
      warn "Saved #{report.save}" if @options.save
      results.none?(&:faulty?)
    end

    private

    def run(workload, peers, directory)
      able = peers.select { |peer| peer.supports?(workload) }
      rounds(workload, able, directory).call
    rescue Error, SystemCallError, IOError => error
      # A server that breaks its connections shows as one of the latter two. The other workloads' figures stand.
      warn "#{workload.name}: #{error.message}"
      Result.new(workload:, failure: error.message)
    end

    def rounds(workload, peers, directory)
      progress = ->(number, round) { report_round(workload, number, round) }
      shared = { rounds: @options.rounds, directory:, progress: }
      case workload.measure
      when :memory then IdleRounds.new(workload, peers, connections: @options.connections, **shared)
      when :start then StartRounds.new(workload, peers, **shared)
      when :wait, :restart
        WaitRounds.new(workload, peers, client: @programs.load_client, seconds: @options.seconds, **shared)
      else CpuRounds.new(workload, peers, seconds: @options.seconds, **shared)
      end
    end

    def report_round(workload, number, round)
      costs = round.map { |peer, sample| format("%s %.2f", peer, sample.cost) }
      warn "#{workload.name} #{number}/#{@options.rounds} (#{workload.unit}): #{costs.join(", ")}"
    end
  end
end
