# frozen_string_literal: true

require "optparse"

module Bench
  # What the command line asks for.
  Options = Data.define(:workloads, :peers, :rounds, :seconds, :connections, :save) do
    def self.parse(arguments, usual_peers:)
      chosen = { peers: usual_peers, rounds: 5, seconds: 4, connections: 2000, save: true }
      names = parser(chosen).parse(arguments)
      positive = chosen.slice(:rounds, :seconds, :connections).reject { |_, value| value.positive? }
      raise Error, "--#{positive.keys.first} must be at least 1" if positive.any?

      new(workloads: workloads(names), **chosen)
    rescue OptionParser::ParseError => error
      raise Error, "#{error.message}; see bench/run --help"
    end

    def self.parser(chosen)
      OptionParser.new do |parser|
        parser.banner = "Usage: bench/run [OPTIONS] [WORKLOAD…]\n\nWorkloads:"
        WORKLOADS.each_value { |workload| parser.separator(format("    %-8s %s", workload.name, workload.what)) }
        parser.separator("Without a name: #{USUAL_WORKLOADS.join(" ")}.\n\nOptions:")
        parser.on("--rounds N", Integer, "measure N times (#{chosen[:rounds]})") { chosen[:rounds] = _1 }
        parser.on("--seconds N", Integer, "for N seconds each (#{chosen[:seconds]})") { chosen[:seconds] = _1 }
        parser.on("--connections N", Integer, "open N for idle (#{chosen[:connections]})") { chosen[:connections] = _1 }
        parser.on("--peers LIST", Array, "of #{Programs::PEERS.join(",")} (#{chosen[:peers].join(",")})") do |peers|
          chosen[:peers] = peers
        end
        parser.on("--[no-]save", "write bench/results/DATE-COMMIT.md (yes)") { chosen[:save] = _1 }
      end
    end
    private_class_method :parser

    def self.workloads(names)
      names = USUAL_WORKLOADS if names.empty?
      names.map do |name|
        WORKLOADS.fetch(name) { raise Error, "no workload is called #{name}; there are #{WORKLOADS.keys.join(", ")}" }
      end
    end
    private_class_method :workloads

    def to_s = "#{rounds} rounds of #{seconds} s, #{connections} idle connections"
  end
end
