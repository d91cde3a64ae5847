# frozen_string_literal: true

require "json"
require "open3"
require "timeout"

module Bench
  module Load
    # The load client of the system tests: requests of all kinds at a low rate, each answer compared with the right one.
    class Steady
      Waits = Data.define(:longest_ms, :faults) do
        def self.read(output)
          total = JSON.parse(output).fetch("total")
          faults = FAULTS.filter_map { |name| "#{total.fetch(name)} #{name.tr("_", " ")}" if total.fetch(name).positive? }
          longest = total["longest"] || raise(Error, "the load client got no right answer: #{output.strip}")
          new(longest_ms: longest.fetch("ms"), faults:)
        rescue JSON::ParserError, KeyError
          raise Error, "the load client gave no counts: #{output.strip}"
        end
      end

      # Its counts of what must not happen. Ids seen twice are not among them: bench keeps no ledger.
      FAULTS = %w[wrong server_errors lost refused].freeze

      # `executable` is its path, `address` http://ADDRESS:PORT.
      def initialize(executable, address)
        @command = [ executable, address ]
      end

      # Keeps the load up while the block runs.
      def run
        Open3.popen2(*@command, err: File::NULL, pgroup: true) do |input, output, thread|
          yield
          input.close
          Waits.read(Timeout.timeout(GRACE_SECONDS) { output.read })
        rescue Timeout::Error
          raise Error, "the load client did not end within #{GRACE_SECONDS} s"
        ensure
          Load.stop(thread)
        end
      end
    end
  end
end
