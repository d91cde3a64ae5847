# frozen_string_literal: true

require "fileutils"

module Bench
  # One server under test: started for a workload, asked, weighed, stopped.
  class Peer
    attr_reader :name

    # `app` is the path of bench_app.
    def initialize(name, app:)
      @name = name
      @app = app
      @spawned = []
    end

    # Starts it, its app included, with files in `directory`, and waits until both answer.
    def start(workload, directory)
      prepare(workload, directory)
      start_processes
      @server.wait_for("#{address}#{workload.ready_path}")
    end

    def stop
      Thread.handle_interrupt(Interrupt => :never) { @spawned.pop.stop until @spawned.empty? }
    end

    def running? = @server.running?

    def supports?(workload) = !workload.wrapped? && !workload.file

    def url(workload) = "http://127.0.0.1:#{port_for(workload)}#{workload.path}"

    def address = "http://127.0.0.1:#{@port}"

    # The same from the app behind it.
    def app_url(path) = "http://127.0.0.1:#{@app_port}#{path}"

    # Processes whose cost counts.
    def pids = [ @server.pid ]

    # Request headers the app must have got through it.
    def forwarded_headers = %w[X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Request-Start X-Request-Id]

    # What is to be sent, where that is a file; below `public`, in `files`.
    def file = File.join(public, @workload.path.sub(%r{^/\w+/}, "/files/"))

    # One line a request; nil where nothing is logged.
    def log_path = @server.log_path

    private

    def prepare(workload, directory)
      @workload = workload
      @threads = workload.threads
      @cores = Host.cores(@threads)
      @directory = directory
      FileUtils.mkdir_p(directory)
      write_file if workload.file
      @app_port = Host.free_port
      @port = Host.free_port
    end

    def port_for(_workload) = @port

    # The directory of files that anybody may have.
    def public = File.join(@directory, "public")

    # Text whose period is a prime, as that of the app.
    def write_file
      FileUtils.mkdir_p(File.dirname(file))
      period = Array.new(89) { (32 + _1).chr }.join
      File.write(file, (period * (@workload.file / 89 + 1))[0, @workload.file]) unless File.exist?(file)
    end

    # What the app needs to know.
    def app_env = @workload.file ? { "BENCH_FILES" => File.dirname(file) } : {}

    def spawn(*command, cores:, env: {}, log: File.basename(command.first), **)
      # No interrupt between start and list: nobody would stop it.
      Thread.handle_interrupt(Interrupt => :never) do
        Spawned.new(*command, cores:, env:, log_path: File.join(@directory, "#{log}.log"), **).tap { @spawned << _1 }
      end
    end

    def start_app
      spawn(@app, cores: @cores.load, env: { "PORT" => @app_port.to_s, **app_env })
        .wait_for("http://127.0.0.1:#{@app_port}/1k")
    end
  end
end

require "bench/peers/direct"
require "bench/peers/kamal_proxy"
require "bench/peers/nginx"
require "bench/peers/wrapper"
