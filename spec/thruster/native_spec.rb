# frozen_string_literal: true

RSpec.describe "The extension" do
  around { |example| Dir.mktmpdir { |root| @root = root and example.run } }

  # A copy of lib/ without the extension, and what else makes it a gem of a kind.
  def gem_with(*files)
    FileUtils.cp_r File.join(PROJECT, "lib"), @root
    FileUtils.rm Dir[File.join(@root, "lib/thruster/**/thruster_native.*")]
    files.each do |file|
      FileUtils.mkdir_p File.dirname(File.join(@root, file))
      FileUtils.touch File.join(@root, file)
    end
  end

  def ruby(script, path: "/nowhere")
    run RbConfig.ruby, "-I", File.join(@root, "lib"), "-r", "thruster", "-e", script, environment: { "PATH" => path, "CARGO" => nil }
  end

  def message(**options)
    ruby("begin; Thruster::Settings.check({}); rescue Thruster::NativeMissing => error; puts error.message; end", **options).output
  end

  it "is not needed to load the gem" do
    gem_with

    outcome = ruby("p Thruster::Native.available?, Thruster::VERSION, defined?(Thruster::Executable)")

    expect(outcome.output.lines.first).to eq("false\n")
    expect(outcome.status).to be_success
  end

  it "is not loaded before it is needed" do
    loaded = run(RbConfig.ruby, "-I", File.join(PROJECT, "lib"), "-r", "thruster", "-e", "puts $LOADED_FEATURES").output

    expect(loaded).not_to include("thruster_native")
  end

  it "says for what it is missing, and what builds it: Rust, or only what it needs besides" do
    gem_with "ext/thrust/extconf.rb"
    cargo = File.dirname(write_program(File.join(@root, "bin/cargo"), ""))

    expect(message).to match(/\AThe check of settings needs the extension of thruster-rs, which is not there. .* takes Rust 1\.95 or later .*libclang.*Run `THRUSTER_BUILD=1 gem pristine thruster-rs --extensions`/)
    expect(message(path: cargo)).to match(/takes the headers of Ruby, libclang/).and not_include("rustup")
  end

  it "says in a checkout how to build it" do
    gem_with "Gemfile", "thruster-rs.gemspec"

    expect(message).to include("run `bundle exec rake compile` in it")
  end

  it "says in a precompiled gem that it has none for this Ruby" do
    gem_with

    expect(message).to include("This gem brings none for Ruby #{RUBY_VERSION} on #{Thruster::Executable.platform}")
  end

  it "says why it cannot be loaded" do
    gem_with "lib/thruster/thruster_native.#{RbConfig::CONFIG["DLEXT"]}"

    expect(message).to match(/which cannot be loaded: .*thruster_native.*too short.*\nThis gem brings none/m)
  end

  it "is taken for the Ruby that runs, where there are several" do
    gem_with "lib/thruster/thruster_native.#{RbConfig::CONFIG["DLEXT"]}", "lib/thruster/#{RUBY_VERSION[/\A\d+\.\d+/]}/thruster_native.#{RbConfig::CONFIG["DLEXT"]}"

    expect(message).to include("/lib/thruster/#{RUBY_VERSION[/\A\d+\.\d+/]}/thruster_native")
  end
end
