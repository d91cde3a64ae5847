# frozen_string_literal: true

require_relative "check"

module Thruster
  class Doctor
    # Whether Puma listens where thrust asks, and nowhere that is thrust's.
    class Ports < Check
      def findings
        return [] unless subject.puma

        [ target, taken ].compact
      end

      private
        def target
          asked = binds.select { |bind| asked?(bind) }
          if asked.any? { _1.start_with?("ssl://") }
            error "config/puma.rb binds #{shown(asked)}", why: "thrust speaks plain HTTP to the app, TLS ends before it",
              change: bind
          elsif asked.any?
            ok "config/puma.rb binds where thrust asks: #{socket? ? "THRUSTER_TARGET_SOCKET" : "PORT"}"
          else
            warning "config/puma.rb binds #{shown(binds)}", change: bind,
              why: "thrust asks the app at #{place}; started by `puma` it would not be there " \
                "(`bin/rails server` gives Puma the PORT itself)"
          end
        end

        def taken
          mine = subject.settings["http_port"] || 80
          bind = binds.find { |bind| port(bind) == mine }
          return unless bind

          error "config/puma.rb binds #{bind}", why: "thrust listens on port #{mine} itself",
            change: "remove that bind: thrust stands before the app there"
        end

        def binds
          subject.puma.binds
        end

        def asked?(bind)
          socket? ? bind.start_with?("unix:") && bind.include?(File.basename(wanted_socket)) : port(bind) == Puma::PORT
        end

        def socket?
          subject.settings["target"].to_s.start_with?("unix:")
        end

        # The app gets the path, or writes the same one down.
        def wanted_socket
          path = subject.settings["target"].delete_prefix("unix:")
          binds.any? { _1.include?(Puma::SOCKET) } ? Puma::SOCKET : path
        end

        def port(bind)
          bind[/:(\d+)(?:\?|\z)/, 1]&.to_i
        end

        def place
          socket? ? subject.settings["target"] : "the PORT that it gives it"
        end

        def shown(binds)
          binds.empty? ? "nothing" : binds.join(", ").gsub(Puma::PORT.to_s, "PORT")
        end

        def bind
          return %(write `bind "unix://\#{ENV.fetch("THRUSTER_TARGET_SOCKET")}"` in config/puma.rb) if socket?

          'write `port ENV.fetch("PORT", 3000)` in config/puma.rb, and no other bind'
        end
    end
  end
end
