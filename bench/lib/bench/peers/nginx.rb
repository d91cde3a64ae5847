# frozen_string_literal: true

require "erb"

module Bench
  module Peers
    # nginx from Debian, with stock buffers or tuned ones; the rest of its configuration matches ours.
    class Nginx < Peer
      TEMPLATE = File.join(ROOT, "bench/nginx/nginx.conf.erb")

      # Debian keeps it in /usr/sbin, which is not on everybody's PATH.
      def self.executable
        [ *ENV.fetch("PATH").split(":"), "/usr/sbin" ].map { File.join(_1, "nginx") }.find { File.executable?(_1) } ||
          raise(Error, "nginx is not there; bin/setup installs it")
      end

      def initialize(name, tuned:, **)
        super(name, **)
        @tuned = tuned
      end

      def supports?(workload) = !workload.wrapped?

      # The workers; the master does not touch requests.
      def pids = Usage.children(@server.pid)

      def log_path = File.join(@directory, "access.log")

      private

      def start_processes
        start_app
        @h2_port = Host.free_port
        configuration = File.join(@directory, "nginx.conf")
        File.write(configuration, render)
        @server = spawn(self.class.executable, "-p", @directory, "-c", configuration, cores: @cores.server)
      end

      def port_for(workload) = workload.protocol == :http2 ? @h2_port : @port

      def render
        ERB.new(File.read(TEMPLATE), trim_mode: "<>").result_with_hash(
          threads: @threads, directory: @directory, log_path:, tuned: @tuned, public:,
          app_port: @app_port, port: @port, h2_port: @h2_port
        )
      end
    end
  end
end
