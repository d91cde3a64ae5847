# frozen_string_literal: true

module Bench
  # Where the programs under test are, and how those that are ours are made.
  class Programs
    # Rough order: base, its tuned form, ours, the originals, the floor.
    PEERS = %w[nginx tuned thrust thruster kamal-proxy direct].freeze

    TOOLS = %w[cargo curl h2load taskset wrk].freeze

    def initialize(env = ENV)
      @env = env
      @target = env.fetch("CARGO_TARGET_DIR", File.join(ROOT, "target"))
    end

    # The peers that can run here without being asked for.
    def usual
      PEERS - [ "direct" ] - (@env["BENCH_THRUSTER"] ? [] : [ "thruster" ]) -
        (@env["BENCH_KAMAL_PROXY"] ? [] : [ "kamal-proxy" ])
    end

    # Builds what the named peers need and returns them.
    def peers(names)
      missing = TOOLS.reject { |tool| @env.fetch("PATH").split(":").any? { File.executable?(File.join(_1, tool)) } }
      raise Error, "not on PATH: #{missing.join(", ")}; run bin/setup" if missing.any?

      build(names)
      names.map { |name| peer(name) }
    end

    def load_client = built("examples/load_client")

    private

    def build(names)
      command = [ "cargo", "build", "--release", "--locked", "--quiet", "-p", "thrust", "--example", "bench_app",
        "--example", "load_client" ]
      command += [ "--bin", "thrust" ] if names.include?("thrust") && !@env["THRUST"]
      system(*command, chdir: ROOT) || raise(Error, "#{command.join(" ")} failed")
    end

    def peer(name)
      app = built("examples/bench_app")
      case name
      when "nginx" then Peers::Nginx.new(name, tuned: false, app:)
      when "tuned" then Peers::Nginx.new(name, tuned: true, app:)
      when "thrust" then Peers::Wrapper.new(name, executable: @env["THRUST"] || built("thrust"), app:)
      when "thruster" then Peers::Wrapper.new(name, executable: given("BENCH_THRUSTER"), original: true, app:)
      when "kamal-proxy" then Peers::KamalProxy.new(name, executable: given("BENCH_KAMAL_PROXY"), app:)
      when "direct" then Peers::Direct.new(name, app:)
      else raise Error, "no peer is called #{name}; there are #{PEERS.join(", ")}"
      end
    end

    def built(path) = File.expand_path(File.join("release", path), @target)

    def given(variable)
      @env[variable] || raise(Error, "#{variable} does not name the program to measure")
    end
  end
end
