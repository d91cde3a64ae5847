# frozen_string_literal: true

require "rubygems/package"

RSpec.describe "The gem of the ruby platform" do
  around { |example| Dir.mktmpdir { |root| @root = root and example.run } }

  let(:home) { GemHome.new(File.join(@root, "gems")) }

  # A directory with a cargo that makes a binary of a line of shell, or fails.
  def stub_cargo(made: nil)
    script = made ? Packaged.cargo(made) : "echo 'error: no such toolchain' >&2; exit 101"
    File.dirname write_program(File.join(@root, "cargo/cargo"), script)
  end

  it "builds its binary and its extension with cargo when it is installed, and leaves nothing else behind" do
    cargo = File.dirname(ENV["PATH"].split(":").map { File.join(_1, "cargo") }.find { File.executable?(_1) })
    path = [ cargo, ENV["PATH"] ].join(":")
    target = { "CARGO_TARGET_DIR" => ENV["CARGO_TARGET_DIR"], "THRUSTER_BUILD" => "1" }
    installation = home.install(Packaged.source, cargo: path, variables: target)
    expect(installation.status).to be_success, installation.output + installation.errors

    version = home.thrust("--version")
    child = home.thrust("sh", "-c", "exit 9", variables: { "THRUSTER_HTTP_PORT" => "0" })

    expect(version.output).to include(Thruster::VERSION)
    expect(child.status.exitstatus).to eq(9)
    expect(home.ruby('puts Thruster::Settings.check("target_queue" => "7").values').output).to eq("7\n")
    expect(Dir[File.join(home.installed, "ext/*/{target,built}")]).to be_empty
  end

  it "installs without cargo, and then says what to run; that helps" do
    expect(home.install(Packaged.source).status).to be_success

    without = home.thrust("--version")
    expect(without.status.exitstatus).to eq(1)
    expect(without.errors).to match(/No thrust binary for #{Thruster::Executable.platform}.*install Rust/m)
    command = without.errors[/run `([^`]+)`/, 1]

    repair = run("sh", "-c", command, environment: home.environment(cargo: stub_cargo(made: "echo repaired")))
    expect(repair.status).to be_success, repair.output + repair.errors
    expect(home.thrust("--version").output).to eq("repaired\n")
  end

  it "installs its binary where its extension cannot be built, and then says what that takes" do
    cargo = File.dirname(write_program(File.join(@root, "cargo/cargo"), <<~SH))
      [ "$1" = build ] && { echo 'Unable to find libclang' >&2; exit 101; }
      #{Packaged.cargo("echo built")}
    SH

    expect(home.install(Packaged.source, cargo:).status).to be_success

    expect(home.thrust("--version").output).to eq("built\n")
    expect(home.ruby("Thruster::Settings.check({})", cargo:).errors).to include("libclang").and include("`THRUSTER_BUILD=1 gem pristine thruster-rs --extensions`")
  end

  it "installs also when cargo fails, and then says how to see why" do
    installation = home.install(Packaged.source, cargo: stub_cargo)
    expect(installation.status).to be_success

    outcome = home.thrust("--version", cargo: stub_cargo)

    expect(outcome.errors).to include("run `THRUSTER_BUILD=1 gem pristine thruster-rs --extensions`")
  end

  it "does not install without its binary under THRUSTER_BUILD=1" do
    demanded = { "THRUSTER_BUILD" => "1" }

    without = home.install(Packaged.source, variables: demanded)
    failing = home.install(Packaged.source, cargo: stub_cargo, variables: demanded)

    expect(without.status).not_to be_success
    expect(without.errors).to include("cargo is not on the PATH: install Rust")
    expect(failing.status).not_to be_success
    expect(failing.errors).to include("error: no such toolchain")
  end

  it "installs into a directory whose name has blanks, quotes and dollars" do
    odd = GemHome.new(File.join(@root, "it's $HOME (a) b"))

    odd.install(Packaged.source, cargo: stub_cargo(made: "echo odd"))

    expect(odd.thrust("--version").output).to eq("odd\n")
  end

  it "leaves the choice of the Rust toolchain to whoever installs it" do
    files = Gem::Package.new(Packaged.source).spec.files

    expect(files).to include("Cargo.toml", "Cargo.lock", "ext/thrust/Cargo.toml", "ext/thrust/src/main.rs", "ext/cargo_makefile.rb",
      "ext/thruster_native/extconf.rb", "ext/thruster_native/build.rs", "ext/thruster_native/src/lib.rs", "lib/thruster/tasks/assets.rake")
    expect(files.grep(%r{rust-toolchain|\Atarget/|\.so\z})).to be_empty
  end
end
