# frozen_string_literal: true

module Bench
  # One row of the ladder. `measure` says what its figure is: :cpu per request, :memory per idle connection, the :peak of
  # memory under load, the time of a :start, or the longest :wait of a request, in calm or during a :restart. `goal` and
  # `bar` bound the ratio to nginx for :cpu, and the figure itself for the others. With `file`, in bytes, the proxy sends a
  # file of that size, whose name is the path's last word.
  Workload = Data.define(:name, :what, :path, :file, :load, :threads, :measure, :goal, :bar) do
    def initialize(name:, what:, load: nil, path: "/1k", file: nil, threads: 1, measure: :cpu, goal: nil, bar: nil) = super

    def compared? = measure == :cpu
    # The file is one that anybody may have: the app is not asked.
    def public? = path.start_with?("/files/")
    def restart? = measure == :restart
    # The app is test/dummy, not bench_app.
    def rails? = %i[wait restart].include?(measure)
    # Only what starts its app itself can take part.
    def wrapped? = rails? || measure == :start
    def ready_path = rails? ? "/up" : "/1k"
    def protocol = load ? load.protocol : :http1
    def upload? = load.respond_to?(:script) && !load.script.nil?
    def unit = { cpu: "µs", memory: "KiB", peak: "MiB", start: "ms", wait: "ms", restart: "ms" }.fetch(measure)
  end

  # Rows are added here and nowhere else, as long as wrk or h2load can drive them.
  WORKLOADS = [
    Workload.new(name: "w1", what: "1 KB GET, keep-alive, 1 core", load: Load::Wrk.new(connections: 32),
      goal: 0.90, bar: 0.95),
    Workload.new(name: "w1x2", what: "w1 on 2 cores", load: Load::Wrk.new(connections: 64, threads: 2), threads: 2,
      goal: 0.85, bar: 0.90),
    Workload.new(name: "rate1", what: "w1 at 2,000 req/s", load: Load::H2load.new(connections: 20, rate: 100),
      goal: 0.85, bar: 0.95),
    Workload.new(name: "n10k", what: "10 KB", path: "/10k", load: Load::Wrk.new(connections: 32), goal: 0.90, bar: 0.90),
    Workload.new(name: "n100k", what: "100 KB", path: "/100k", load: Load::Wrk.new(connections: 16),
      goal: 0.60, bar: 0.60),
    Workload.new(name: "n1m", what: "1 MB", path: "/1m", load: Load::Wrk.new(connections: 8), goal: 0.55, bar: 0.55),
    Workload.new(name: "n10m", what: "10 MB", path: "/10m", load: Load::Wrk.new(connections: 4), goal: 0.55),
    Workload.new(name: "up10m", what: "10 MB upload", path: "/upload",
      load: Load::Wrk.new(connections: 4, script: "upload.lua"), goal: 0.70, bar: 0.70),
    Workload.new(name: "s10k", what: "public file of 10 KB", path: "/files/10k", file: 10 * 1024,
      load: Load::Wrk.new(connections: 32), goal: 0.80, bar: 0.80),
    Workload.new(name: "s100k", what: "public file of 100 KB", path: "/files/100k", file: 100 * 1024,
      load: Load::Wrk.new(connections: 16), goal: 0.95, bar: 0.95),
    Workload.new(name: "x100k", what: "X-Sendfile of 100 KB", path: "/send/100k", file: 100 * 1024,
      load: Load::Wrk.new(connections: 16), goal: 0.90, bar: 0.90),
    Workload.new(name: "x50m", what: "X-Sendfile of 50 MB", path: "/send/50m", file: 50 * 1024 * 1024,
      load: Load::Wrk.new(connections: 4), goal: 1.15, bar: 1.15),
    Workload.new(name: "close", what: "connection per request",
      load: Load::Wrk.new(connections: 32, headers: { "Connection" => "close" }), goal: 1.15, bar: 1.15),
    Workload.new(name: "h2w1", what: "1 KB, HTTP/2, 10 connections, 100 streams each",
      load: Load::H2load.new(connections: 10, streams: 100), goal: 0.70, bar: 0.75),
    Workload.new(name: "h2w1s", what: "the same, 10 streams each",
      load: Load::H2load.new(connections: 10, streams: 10), goal: 1.00, bar: 1.00),
    Workload.new(name: "idle", what: "memory per idle connection", measure: :memory, goal: 4, bar: 4),
    Workload.new(name: "rss", what: "peak of memory in w1", load: Load::Wrk.new(connections: 32), measure: :peak, goal: 10,
      bar: 10),
    Workload.new(name: "start", what: "time from exec to listening", measure: :start, goal: 10),
    Workload.new(name: "calm", what: "longest wait under a steady load on a Rails app", measure: :wait),
    Workload.new(name: "restart", what: "longest wait while that app is restarted", measure: :restart)
  ].to_h { |workload| [ workload.name, workload ] }.freeze

  # What runs when no workload is named.
  USUAL_WORKLOADS = %w[w1 w1x2 n10k n100k n1m up10m s10k s100k x100k x50m close h2w1 h2w1s idle rss start calm restart].freeze
end
