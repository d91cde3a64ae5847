# frozen_string_literal: true

module Bench
  module Peers
    # The original kamal-proxy with the app deployed to it.
    class KamalProxy < Peer
      def initialize(name, executable:, **)
        super(name, **)
        @executable = executable
      end

      # It offers HTTP/2 on TLS only.
      def supports?(workload) = super && workload.protocol == :http1

      def forwarded_headers = super - %w[X-Request-Start X-Request-Id]

      private

      def start_processes
        start_app
        env = { "KAMAL_PROXY_SOCKET" => File.join(@directory, "control.sock") }
        @server = spawn(@executable, "run", "--http-port", @port.to_s, "--https-port", Host.free_port.to_s,
          cores: @cores.server, env:, log: name)
        deploy(env)
      end

      def deploy(env)
        command = [ @executable, "deploy", "bench", "--target", "127.0.0.1:#{@app_port}", "--health-check-path", "/1k" ]
        deadline = Clock.now + Spawned::START_SECONDS
        until system(env.merge("HOME" => @directory), *command, out: File::NULL, err: File::NULL)
          raise Error, "deploying the app to #{name} failed: #{command.join(" ")}" if Clock.now > deadline

          sleep 0.1
        end
      end
    end
  end
end
