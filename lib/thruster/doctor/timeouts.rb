# frozen_string_literal: true

require_relative "check"

module Thruster
  class Doctor
    # Whether Puma waits longer than thrust does wherever both wait for the same thing.
    class Timeouts < Check
      # Seconds for which thrust keeps an idle connection to the app.
      KEPT = 15

      def findings
        return [] unless subject.puma

        [ persistent, first_data ]
      end

      private
        def persistent
          kept = subject.puma.persistent_timeout
          if !subject.puma.keeps_connections?
            warning "Puma keeps no connections", change: "remove `enable_keep_alives false` from config/puma.rb",
              why: "each request then opens a connection to the app"
          elsif kept > KEPT
            ok "Puma keeps idle connections for #{kept} s, thrust for #{KEPT}"
          else
            warning "Puma closes idle connections after #{kept} s (persistent_timeout)",
              why: "thrust keeps them for #{KEPT} s, so that a request may meet a connection that Puma is closing",
              change: "write `persistent_timeout 20` in config/puma.rb, or remove the line: that is Puma's default"
          end
        end

        def first_data
          patience = subject.puma.first_data_timeout
          ours = subject.settings.fetch("http_read_timeout", 30) || Float::INFINITY
          return ok("Puma waits #{patience} s for the next piece of a request, thrust no longer") if ours <= patience

          warning "Puma gives a request up after #{patience} s without a piece of it (first_data_timeout)",
            why: "thrust waits #{ours.infinite? ? "without a limit" : "#{ours.to_i} s"} for its client, who then gets " \
              "Puma's error in the middle of an upload",
            change: "raise first_data_timeout in config/puma.rb, or lower HTTP_READ_TIMEOUT"
        end
    end
  end
end
