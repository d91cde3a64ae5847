# frozen_string_literal: true

module Bench
  # Where the programs under test are, and how those that are ours are made.
  class Programs
    # Rough order: base, its tuned form, ours, the originals, the floor.
    PEERS = %w[nginx tuned thrust thruster kamal-proxy direct].freeze

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
      build(names)
      names.map { |name| peer(name) }
    end

    private

    def build(names)
      command = [ "cargo", "build", "--release", "--locked", "--quiet", "-p", "thrust", "--example", "bench_app" ]
      command += [ "--bin", "thrust" ] if names.include?("thrust") && !@env["THRUST"]
      system(*command, chdir: ROOT) || raise(Error, "#{command.join(" ")} failed")
    end

    def peer(name)
      app = File.join(@target, "release/examples/bench_app")
      case name
      when "nginx" then Peers::Nginx.new(name, tuned: false, app:)
      when "tuned" then Peers::Nginx.new(name, tuned: true, app:)
      when "thrust" then Peers::Wrapper.new(name, executable: @env["THRUST"] || File.join(@target, "release/thrust"), app:)
      when "thruster" then Peers::Wrapper.new(name, executable: given("BENCH_THRUSTER"), original: true, app:)
      when "kamal-proxy" then Peers::KamalProxy.new(name, executable: given("BENCH_KAMAL_PROXY"), app:)
      when "direct" then Peers::Direct.new(name, app:)
      else raise Error, "no peer is called #{name}; there are #{PEERS.join(", ")}"
      end
    end

    def given(variable)
      @env[variable] || raise(Error, "#{variable} does not name the program to measure")
    end
  end
end
