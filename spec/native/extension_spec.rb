# frozen_string_literal: true

RSpec.describe "The extension", :native do
  around { |example| Dir.mktmpdir { |root| @root = root and example.run } }

  # A script in a Ruby of its own.
  def ruby(script, **options)
    run(RbConfig.ruby, "-W:no-deprecated", "-I", File.join(PROJECT, "lib"), "-r", "thruster", "-e", script,
      environment: { "ROOT" => @root, "RUST_BACKTRACE" => nil }, **options)
  end

  it "raises an error for a panic, with the GVL and without; Ruby goes on" do
    outcome = ruby(<<~RUBY)
      Thruster::Native.needed_for("This")
      [ false, true ].each do |without|
        Thruster::Native.panic(without)
      rescue Thruster::Error => error
        puts error.message
      end
      p Thruster::Settings.check("debug" => "on")["debug"]
    RUBY

    expect(outcome.output).to eq(<<~OUTPUT)
      thruster_native failed: a panic with the GVL; please report this
      thruster_native failed: a panic without the GVL; please report this
      true
    OUTPUT
    expect(outcome.status).to be_success
  end

  it "starts no thread when it is loaded" do
    outcome = ruby('Thruster::Native.needed_for("This"); puts Dir["/proc/self/task/*"].size')

    expect(outcome.output.to_i).to eq(ruby('puts Dir["/proc/self/task/*"].size').output.to_i)
  end

  it "holds under GC.stress" do
    outcome = ruby(<<~RUBY, within: 120)
      File.write(file = File.join(ENV["ROOT"], "a.js"), "var a;" * 500)
      Thruster::Native.needed_for("This")
      GC.stress = true
      values = Thruster::Settings.check("trusted_proxies" => "private,10.0.0.0/8", "max_request_body" => "1MB")
      text = begin
        Thruster::Settings.check("max_request_body" => "lots", "log_requests" => "maybe")
      rescue Thruster::ConfigurationError => error
        error.faults.map { _1[:setting] }
      end
      metrics = Thruster::Metrics.prometheus('{"families":[{"name":"a","help":"b","kind":"gauge","samples":[{"value":1}]}]}')
      outcomes = []
      Thruster::Assets.new(ENV["ROOT"]).compress { |result| outcomes << result.outcome }
      GC.stress = false
      p values, text, metrics.lines.last, outcomes
    RUBY

    expect(outcome.status).to be_success, outcome.errors
    expect(outcome.output.lines(chomp: true)).to eq([
      { "trusted_proxies" => [ "private", "10.0.0.0/8" ], "max_request_body" => 1_000_000 }.inspect,
      %w[log_requests max_request_body].inspect, "a 1\n".inspect, [ :written ].*(3).inspect ])
  end

  it "works in many threads at once, and in a child of fork" do
    outcome = ruby(<<~RUBY)
      def work(name)
        directory = File.join(ENV["ROOT"], name)
        Dir.mkdir directory
        File.write(File.join(directory, "a.css"), "a { color: red }" * 2000)
        found = []
        Thruster::Assets.new(directory).compress { |result| found << result.outcome }
        Thruster::Settings.check("max_request_body" => "1kB").values + found
      end
      Thruster::Native.needed_for("This")
      threads = 8.times.map { |number| Thread.new { work("thread\#{number}") } }.map(&:value)
      children = 3.times.map { |number| fork { exit!(work("child\#{number}") == [ 1000, :written, :written, :written ] ? 7 : 1) } }
      p threads.uniq, children.map { Process.wait2(_1).last.exitstatus }
    RUBY

    expect(outcome.output).to eq("[[1000, :written, :written, :written]]\n[7, 7, 7]\n")
  end
end
