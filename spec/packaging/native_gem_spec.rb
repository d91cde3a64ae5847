# frozen_string_literal: true

require "rubygems/package"

RSpec.describe "The precompiled gem" do
  around { |example| Dir.mktmpdir { |root| @root = root and example.run } }

  let(:home) { GemHome.new(File.join(@root, "gems")) }

  it "runs from an empty GEM_HOME on a machine without cargo" do
    expect(home.install(Packaged.native).status).to be_success

    version = home.thrust("--version")
    child = home.thrust("sh", "-c", "exit 9", variables: { "THRUSTER_HTTP_PORT" => "0" })

    expect(version.output).to include(Thruster::VERSION)
    expect(version.status).to be_success
    expect(child.status.exitstatus).to eq(9)
  end

  it "brings the extension for this Ruby, with which assets are compressed" do
    home.install(Packaged.native)
    assets = File.join(@root, "assets").tap { Dir.mkdir(_1) }
    File.write(File.join(assets, "app.js"), "var app;" * 500)

    outcome = home.ruby(<<~RUBY, assets)
      Thruster::Assets.new(ARGV[0]).compress { |result| puts result.outcome }
      p Thruster::Settings.check("debug" => "on"), Thruster::Native.singleton_methods(false).include?(:panic)
    RUBY

    expect(outcome.output.lines(chomp: true)).to eq([ "written", "written", "written", { "debug" => true }.inspect, "false" ]), outcome.errors
  end

  it "runs also without an extension for the Ruby that is there, and says what is missing" do
    home.install(Packaged.native)
    FileUtils.rm_r Dir[File.join(home.installed, "lib/thruster/[0-9]*")]

    expect(home.thrust("--version").output).to include(Thruster::VERSION)
    expect(home.ruby("Thruster::Settings.check({})").errors).to include("This gem brings none for Ruby #{RUBY_VERSION}")
  end

  it "brings one binary of at most 10 MB and one extension of at most 6 MB, and no sources" do
    files = Gem::Package.new(Packaged.native).spec.files
    home.install(Packaged.native)
    binary = File.join(home.installed, "exe", Thruster::Executable.platform, "thrust")

    expect(files.grep(%r{/thrust\z})).to contain_exactly("exe/thrust", "exe/#{Thruster::Executable.platform}/thrust")
    expect(files.grep(/\.rs\z|Cargo|extconf/)).to be_empty
    expect(files.grep(/thruster_native\./)).to contain_exactly("lib/thruster/#{RUBY_VERSION[/\A\d+\.\d+/]}/thruster_native.#{RbConfig::CONFIG["DLEXT"]}")
    expect(File.size(binary)).to be_between(100_000, 10_000_000)
    expect(File.size(Dir[File.join(home.installed, "lib/thruster/*/thruster_native.*")].first)).to be_between(100_000, 6_000_000)
  end

  it "says what to install when it has come to a machine of another kind" do
    home.install(Packaged.native)
    File.rename File.join(home.installed, "exe", Thruster::Executable.platform), File.join(home.installed, "exe/sparc-solaris")

    outcome = home.thrust("--version")

    expect(outcome.status.exitstatus).to eq(1)
    expect(outcome.errors).to include("made for another platform: run `gem install thruster-rs`")
  end
end
