# frozen_string_literal: true

module Thruster
  class Doctor
    # What config/puma.rb makes of the environment that thrust gives the app.
    class Puma
      # Stand in for what thrust would choose: no app writes them into its configuration.
      PORT = 61_803
      SOCKET = "/thrust-asks-here.sock"
      GIVEN = { "PORT" => PORT.to_s, "THRUSTER_TARGET_SOCKET" => SOCKET }.freeze

      # Nil if Puma is not in the bundle. Raises what the file raises.
      def self.read(root)
        require "puma"
        require "puma/configuration"
        Dir.chdir(root) { with(GIVEN) { new(load) } }
      rescue LoadError
        nil
      end

      def self.load
        configuration = ::Puma::Configuration.new
        configuration.load
        configuration.clamp
        configuration.options
      end
      private_class_method :load

      # The file reads ENV itself.
      def self.with(variables)
        before = variables.to_h { |name, _| [ name, ENV[name] ] }
        ENV.update(variables)
        yield
      ensure
        ENV.update(before)
      end
      private_class_method :with

      def initialize(options)
        @options = options
      end

      def binds
        Array(@options[:binds])
      end

      # Seconds for which an idle connection is kept; Puma's default where older releases do not tell it.
      def persistent_timeout
        @options[:persistent_timeout] || 20
      end

      # Seconds that Puma waits for the next piece of a request.
      def first_data_timeout
        @options[:first_data_timeout] || 30
      end

      def keeps_connections?
        @options[:enable_keep_alives] != false
      end
    end
  end
end
