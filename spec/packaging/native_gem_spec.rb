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

  it "brings one binary of at most 10 MB, and no sources" do
    files = Gem::Package.new(Packaged.native).spec.files
    home.install(Packaged.native)
    binary = File.join(home.installed, "exe", Thruster::Executable.platform, "thrust")

    expect(files.grep(%r{/thrust\z})).to contain_exactly("exe/thrust", "exe/#{Thruster::Executable.platform}/thrust")
    expect(files.grep(/\.rs\z|Cargo|extconf/)).to be_empty
    expect(File.size(binary)).to be_between(100_000, 10_000_000)
  end

  it "says what to install when it has come to a machine of another kind" do
    home.install(Packaged.native)
    File.rename File.join(home.installed, "exe", Thruster::Executable.platform), File.join(home.installed, "exe/sparc-solaris")

    outcome = home.thrust("--version")

    expect(outcome.status.exitstatus).to eq(1)
    expect(outcome.errors).to include("made for another platform: run `gem install thruster-rs`")
  end
end
