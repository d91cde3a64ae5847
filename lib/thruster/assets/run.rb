# frozen_string_literal: true

require_relative "../assets"

module Thruster
  class Assets
    # Compresses the assets of a directory for somebody who watches: tells how far it is, and what came of it.
    class Run
      PACE = 5 # seconds between two lines of progress

      def initialize(assets, output: $stdout, clock: -> { Process.clock_gettime(Process::CLOCK_MONOTONIC) })
        @assets = assets
        @output = output
        @clock = clock
        @results = []
      end

      # Raises Error if a sibling could not be written, once all others are.
      def call
        began = @told = @clock.call
        @assets.remove_leftovers
        removed = @assets.remove_orphans
        files = @assets.files
        @assets.compress(files) { |result| add result, of: files.size * @assets.encodings.size }

        @output.puts summary(files, removed, @clock.call - began)
        raise Error, failures unless failed.empty?
      end

      private
        def add(result, of:)
          @results << result
          now = @clock.call
          return if now - @told < PACE

          @told = now
          @output.puts "Compressing #{@assets.directory}: #{@results.size} of #{of}"
        end

        def summary(files, removed, seconds)
          written = with(:written)
          parts = [ "#{written.size} written", "#{with(:kept).size} up to date", "#{with(:larger).size} not worth it" ]
          parts << "#{failed.size} failed" unless failed.empty?
          parts << "#{removed.size} removed, whose file is gone" unless removed.empty?
          "Compressed #{@assets.directory}: #{files.size} #{files.one? ? "file" : "files"}, #{parts.join(", ")}#{sizes(written)} (#{seconds.round(1)} s)"
        end

        # What the written siblings have in place of their files' bytes, by encoding.
        def sizes(written)
          written.group_by(&:encoding).sort.map do |encoding, results|
            before = results.sum { File.size(_1.path) }
            "; #{encoding} #{kilobytes(before)} to #{kilobytes(results.sum(&:size))}"
          end.join
        end

        def kilobytes(bytes)
          "#{(bytes / 1000.0).ceil} kB"
        end

        def failures
          failed.map { "#{_1.path}.#{_1.encoding} was not written: #{_1.message}" }.join("\n")
        end

        def failed
          with(:failed)
        end

        def with(outcome)
          @results.select { _1.outcome == outcome }
        end
    end
  end
end
