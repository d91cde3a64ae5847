# frozen_string_literal: true

RSpec.describe Thruster::Executable do
  around { |example| Dir.mktmpdir { |root| @root = root and example.run } }

  let(:environment) { { "PATH" => "" } }
  let(:executable) { described_class.new(root: @root, environment:, platform: "x86_64-linux") }
  let(:precompiled) { File.join(@root, "exe/x86_64-linux/thrust") }
  let(:built) { File.join(@root, "lib/thruster/thrust") }
  let(:named) { File.join(@root, "elsewhere/thrust") }

  it "takes THRUSTER_EXECUTABLE before the binary of the platform, and that before the one built at install" do
    [ built, precompiled, named ].each { write_program(_1, "exit 0") }
    environment["THRUSTER_EXECUTABLE"] = named

    expect(executable.path).to eq(named)

    environment.delete("THRUSTER_EXECUTABLE")
    expect(executable.path).to eq(precompiled)

    File.delete(precompiled)
    expect(executable.path).to eq(built)
  end

  it "takes an empty THRUSTER_EXECUTABLE for none" do
    write_program(built, "exit 0")
    environment["THRUSTER_EXECUTABLE"] = ""

    expect(executable.path).to eq(built)
  end

  it "does not go on looking when THRUSTER_EXECUTABLE is wrong" do
    write_program(built, "exit 0")
    environment["THRUSTER_EXECUTABLE"] = named

    expect { executable.path }.to raise_error(Thruster::ExecutableNotFound, /THRUSTER_EXECUTABLE is "#{named}".*no such file/)

    File.write(write_program(named, ""), "")
    File.chmod(0o644, named)
    expect { executable.path }.to raise_error(Thruster::ExecutableNotFound, /no executable file/)
  end

  it "does not take a directory or a file that cannot be executed" do
    FileUtils.mkdir_p precompiled
    File.chmod(0o644, write_program(built, "exit 0"))

    expect { executable.path }.to raise_error(Thruster::ExecutableNotFound, /No thrust binary for x86_64-linux in #{@root}/)
  end

  describe "#launcher" do
    def launcher(program, pwd: nil)
      described_class.new(root: @root, environment: { "PWD" => pwd }, platform: "x86_64-linux", program:).launcher
    end

    it "is the script as it was called, with the links in its path" do
      release = File.join(File.realpath(@root), "releases/1")
      current = File.join(File.realpath(@root), "current")
      write_program(File.join(release, "bin/thrust"), "exit 0")
      File.symlink(release, current)

      Dir.chdir(current) do
        expect(launcher("bin/thrust", pwd: current)).to eq(File.join(current, "bin/thrust"))
        expect(launcher("./bin/thrust", pwd: "/")).to eq(File.join(release, "bin/thrust"))
        expect(launcher("bin/thrust", pwd: "current")).to eq(File.join(release, "bin/thrust"))
        expect(launcher("bin/thrust")).to eq(File.join(release, "bin/thrust"))
      end
      expect(launcher(File.join(current, "bin/thrust"))).to eq(File.join(current, "bin/thrust"))
    end

    it "is none where there is no script to call again" do
      File.chmod(0o644, write_program(File.join(@root, "script"), ""))

      [ "-e", @root, File.join(@root, "script"), File.join(@root, "gone") ].each do |program|
        expect(launcher(program)).to be_nil
      end
    end
  end

  it "knows glibc and musl, and every release of macOS, by the names of the precompiled gems" do
    names = %w[x86_64-linux-gnu x86_64-linux-musl aarch64-linux arm64-darwin-24].map do |name|
      described_class.platform(Gem::Platform.new(name))
    end

    expect(names).to eq(%w[x86_64-linux x86_64-linux aarch64-linux arm64-darwin])
  end
end
