# frozen_string_literal: true

module Bench
  module Peers
    # thrust, or the original thruster: both wrap the app and know the same variables.
    class Wrapper < Peer
      def initialize(name, executable:, original: false, **)
        super(name, **)
        @executable = executable
        @original = original
      end

      def supports?(_workload) = true

      # Seconds from exec until a connection is accepted, on any core. It is stopped again afterwards.
      def time_start(workload, directory)
        prepare(workload, directory)
        start_processes(cores: nil)
        @server.wait_for_listener(@port)
        Clock.now - @server.started_at
      ensure
        stop
      end

      # The original makes no request ids.
      def forwarded_headers = @original ? super - %w[X-Request-Id] : super

      private

      def start_processes(cores: @cores.server)
        # The child would run on our cores; taskset moves it to the app's, then becomes it.
        @server = spawn(@executable, "taskset", "-c", @cores.load.join(","), @app, cores:, log: name, env:)
      end

      def env
        shared = { "THRUSTER_HTTP_PORT" => @port.to_s, "THRUSTER_TARGET_PORT" => @app_port.to_s,
                   "THRUSTER_H2C_ENABLED" => "1" }
        @original ? shared : shared.merge("THRUSTER_THREADS" => @threads.to_s)
      end
    end
  end
end
