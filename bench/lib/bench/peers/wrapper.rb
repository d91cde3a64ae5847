# frozen_string_literal: true

require "open3"

module Bench
  module Peers
    # thrust, or the original thruster: both wrap the app and know the same variables.
    class Wrapper < Peer
      DUMMY = File.join(ROOT, "test/dummy")
      RAILS = { "RAILS_ENV" => "production", "SECRET_KEY_BASE_DUMMY" => "1", "FORCE_SSL" => "false",
                "RAILS_LOG_LEVEL" => "warn", "RAILS_MAX_THREADS" => "16" }.freeze

      def initialize(name, executable:, original: false, **)
        super(name, **)
        @executable = executable
        @original = original
      end

      # The original cannot restart its app, and knows of no public files.
      def supports?(workload) = !(@original && (workload.restart? || (workload.file && workload.public?)))

      # Seconds from exec until a connection is accepted, on any core. It is stopped again afterwards.
      def time_start(workload, directory)
        prepare(workload, directory)
        start_wrapping(@app, cores: nil)
        @server.wait_for_listener(@port)
        Clock.now - @server.started_at
      ensure
        stop
      end

      # Puts a new app in the old one's place.
      def restart
        command = [ @executable, "restart", "--pid", @server.pid.to_s ]
        output, status = Open3.capture2e(Spawned.environment(log_path), *command, unsetenv_others: true)
        raise Error, "#{command.join(" ")} failed: #{output.strip}" unless status.success?
      end

      # The original makes no request ids.
      def forwarded_headers = @original ? super - %w[X-Request-Id] : super

      private

      def start_processes
        # A Rails app that boots beside another gets all cores, as it would in use.
        return start_wrapping("bin/rails", "server", cores: nil, env: RAILS, chdir: DUMMY) if @workload.rails?

        # The child would run on our cores; taskset moves it to the app's, then becomes it.
        start_wrapping("taskset", "-c", @cores.load.join(","), @app, cores: @cores.server)
      end

      def start_wrapping(*command, env: {}, **)
        @server = spawn(@executable, *command, log: name, env: own_env.merge(env), **)
      end

      def own_env
        shared = { "THRUSTER_HTTP_PORT" => @port.to_s, "THRUSTER_TARGET_PORT" => @app_port.to_s,
                   "THRUSTER_H2C_ENABLED" => "1" }
        shared = shared.merge(app_env)
        return shared if @original

        # Elsewhere the app answers all, as with the originals.
        public_path = @workload.file && @workload.public? ? { "THRUSTER_PUBLIC_PATH" => public } : {}
        shared.merge("THRUSTER_THREADS" => @threads.to_s, **public_path)
      end
    end
  end
end
