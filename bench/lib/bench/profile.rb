# frozen_string_literal: true

require "tmpdir"

module Bench
  # The instructions that thrust spends on one request of w1, and the functions that spend most of them.
  #
  # callgrind counts instructions of our own code, not seconds and not the kernel's: the same on a busy machine. The
  # start and the end of the program are in both of two runs, so their difference is what requests cost.
  class Profile
    FEW = 1_000
    MANY = 11_000
    SHOWN = 30
    FUNCTION = /\A\s*([\d,]+) \(\s*[\d.]+%\)\s+(\S.*?)(?: \[.*\])?\z/
    # Where the sources of crates and of the standard library lie on this machine.
    PLACES = %r{\A(?:.*/registry/src/[^/]+/|/rustc/\h+/|#{Regexp.escape(ROOT)}/)}

    def call
      few, many = Dir.mktmpdir { |directory| [ FEW, MANY ].map { |requests| count(requests, directory) } }
      table(self.class.difference(few, many))
    end

    # Instructions a request by function, from two counts of all of them.
    def self.difference(few, many)
      many.to_h { |name, count| [ name, (count - few.fetch(name, 0)) / (MANY - FEW) ] }
    end

    # Reads what callgrind_annotate prints: instructions by function.
    def self.read(annotated)
      lines = annotated.lines(chomp: true).filter_map { |line| line.match(FUNCTION)&.captures }
      lines.each_with_object(Hash.new(0)) do |(count, name), counts|
        counts[name.sub(PLACES, "")] += count.delete(",").to_i
      end
    end

    private

    def table(instructions)
      total = instructions.delete("PROGRAM TOTALS")
      rows = instructions.max_by(SHOWN) { |_, count| count }.map { |name, count| "| #{count} | `#{name}` |" }
      [ "#{total} instructions a request (#{Host.commit}, #{Host.describe})", "",
        "| instructions | function |", "| ---: | --- |", *rows ]
    end

    def count(requests, directory)
      profile = File.join(directory, "#{requests}.out")
      serve(profile, directory) do |url|
        run("h2load", "--h1", "-n", requests.to_s, "-c", "32", "-t", "1", url)
      end
      self.class.read(run("callgrind_annotate", "--threshold=100", "--auto=no", profile))
    end

    # Runs thrust before the app under callgrind, which writes what it has counted at the end.
    def serve(profile, directory)
      port, target = Array.new(2) { Host.free_port }
      env = { "THRUSTER_BIND" => "127.0.0.1", "THRUSTER_HTTP_PORT" => port.to_s, "THRUSTER_THREADS" => "1",
              "THRUSTER_TARGET_PORT" => target.to_s, "THRUSTER_LOG_FORMAT" => "json" }
      thrust = Spawned.new("valgrind", "--tool=callgrind", "--callgrind-out-file=#{profile}", program("thrust"),
        program("examples/bench_app"), cores: nil, env:, log_path: File.join(directory, "thrust.log"))
      thrust.wait_for("http://127.0.0.1:#{port}/1k")
      yield "http://127.0.0.1:#{port}/1k"
    ensure
      thrust&.stop
    end

    # With the names of functions, which the released program is stripped of.
    def program(path)
      @built ||= run("cargo", "build", "--profile", "profiling", "--locked", "--quiet", "-p", "thrust", "--bin", "thrust",
        "--example", "bench_app")
      File.join(ENV.fetch("CARGO_TARGET_DIR", File.join(ROOT, "target")), "profiling", path)
    end

    def run(*command)
      output, status = Open3.capture2(*command, err: File::NULL, chdir: ROOT)
      raise Error, "#{command.first} failed; run bin/setup, and see that valgrind is there" unless status.success?

      output
    rescue Errno::ENOENT
      raise Error, "#{command.first} is not installed; apt-get install valgrind"
    end
  end
end
