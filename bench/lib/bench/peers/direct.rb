# frozen_string_literal: true

module Bench
  module Peers
    # The app alone, where a proxy would be: what asking and answering cost at least.
    class Direct < Peer
      # It keeps connections that a client asks to close.
      def supports?(workload) = super && workload.protocol == :http1 && workload.name != "close"

      def forwarded_headers = []

      def log_path = nil

      private

      def start_processes
        @app_port = @port
        @server = spawn(@app, cores: @cores.server, env: { "PORT" => @port.to_s })
      end
    end
  end
end
