# frozen_string_literal: true

RSpec.describe "The gem in a bundle" do
  around { |example| Dir.mktmpdir { |root| @root = root and example.run } }

  let(:home) { GemHome.new(File.join(@root, "gems")) }
  let(:app) { File.join(@root, "app") }

  # As Rails generates it, for the gem it was made for.
  BINSTUB = <<~RUBY
    #!/usr/bin/env ruby
    require "rubygems"
    require "bundler/setup"

    load Gem.bin_path("thruster", "thrust")
  RUBY

  before do
    FileUtils.mkdir_p File.join(app, "bin")
    File.write File.join(app, "Gemfile"), %(source "https://rubygems.org"\n\ngem "thruster-rs", require: false\n)
    File.write File.join(app, "bin/thrust"), BINSTUB
    File.chmod 0o755, File.join(app, "bin/thrust")
  end

  def bundle(gem)
    home.install(gem)
    in_app("bundle", "install", "--local").tap { |outcome| raise outcome.errors unless outcome.status.success? }
  end

  def in_app(*command, **variables)
    run(*command, directory: app, environment: home.environment(variables: variables.transform_keys(&:to_s)))
  end

  it "serves the binstub that Rails generated for thruster; Bundler warns that it was made for another gem" do
    bundle Packaged.native

    version = in_app("bin/thrust", "--version")
    child = in_app("bin/thrust", "sh", "-c", "exit 9", THRUSTER_HTTP_PORT: "0")

    expect(version.output).to include(Thruster::VERSION)
    expect(version.errors).to include("Bundler is using a binstub that was created for a different gem (thruster-rs)")
    expect(child.status.exitstatus).to eq(9)
  end

  it "serves without a warning after the binstub was made anew" do
    bundle Packaged.native
    in_app("bundle", "binstubs", "thruster-rs", "--force")

    version = in_app("bin/thrust", "--version")

    expect(version.output).to include(Thruster::VERSION)
    expect(version.errors).to be_empty
  end

  it "names the command that builds the binary anew; that helps" do
    bundle Packaged.source
    cargo = write_program(File.join(@root, "cargo"), Packaged.cargo("echo repaired"))

    command = in_app("bin/thrust", "--version", CARGO: cargo).errors[/`(THRUSTER_BUILD=1 [^`]+)`/, 1]
    repair = in_app("sh", "-c", command, CARGO: cargo)

    expect(command).to eq("THRUSTER_BUILD=1 bundle pristine thruster-rs")
    expect(repair.status).to be_success, repair.output + repair.errors
    expect(in_app("bin/thrust", "--version").output).to eq("repaired\n")
  end

  it "names the platform that the lockfile lacks when Bundler chose the gem without a binary" do
    bundle Packaged.source
    lockfile = File.join(app, "Gemfile.lock")
    File.write lockfile, File.read(lockfile).sub(/^PLATFORMS\n(?:  .+\n)+/, "PLATFORMS\n  ruby\n")

    outcome = in_app("bin/thrust", "--version", BUNDLE_FROZEN: "true")

    expect(outcome.status.exitstatus).to eq(1)
    expect(outcome.errors).to include("run `bundle lock --add-platform #{Thruster::Executable.platform}` and `bundle install`")
  end
end
