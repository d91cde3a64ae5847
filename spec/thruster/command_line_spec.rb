# frozen_string_literal: true

require "thruster/command_line"

RSpec.describe Thruster::CommandLine do
  include Stubs

  around { |example| Dir.mktmpdir { |root| @root = File.realpath(root) and example.run } }

  # A thrust that answers like this shell script; it has the words in "$*".
  def thrust(script)
    path = write_program(File.join(@root, "thrust"), script)
    described_class.new(root: @root, executable: instance_double(Thruster::Executable, path:))
  end

  it "asks in the app's directory, under the name that it was given" do
    link = File.join(@root, "current")
    FileUtils.ln_s @root, link
    path = write_program(File.join(@root, "thrust"), %(echo "{\\"words\\":\\"$*\\",\\"directory\\":\\"$PWD\\"}"))

    answer = described_class.new(root: link, executable: instance_double(Thruster::Executable, path:)).ask("status")

    expect(answer).to eq("words" => "status --json", "directory" => link)
  end

  it "has no answer where thrust says nothing of the kind" do
    expect(thrust("echo 'thrust: doctor is not built yet' >&2; exit 1").ask("doctor")).to be_nil
    expect(thrust("echo '[1]'").ask("doctor")).to be_nil
  end

  it "takes the settings of the thrust that runs in this directory" do
    asked = thrust(<<~SH)
      case "$*" in
        "status --json") echo '{"pid":12,"directory":"#{@root}"}' ;;
        "config --pid 12 --json") echo '{"running":true,"settings":[]}' ;;
      esac
    SH

    expect(asked.settings).to include("running" => true)
  end

  it "takes those of the environment where only a thrust of another app runs" do
    asked = thrust(<<~SH)
      case "$*" in
        "status --json") echo '{"pid":12,"directory":"/"}' ;;
        "config --environment --json") echo '{"running":false,"settings":[]}' ;;
      esac
    SH

    expect(asked.status).to be_nil
    expect(asked.settings).to eq("running" => false, "settings" => [])
  end

  it "has only the thrust of this directory looked at" do
    running = thrust(<<~SH)
      case "$*" in
        "status --json") echo '{"pid":12,"directory":"#{@root}"}' ;;
        "doctor --pid 12 --json") echo '{"findings":["of 12"]}' ;;
      esac
    SH
    found = running.findings
    other = thrust(<<~SH)
      case "$*" in
        "status --json") echo '{"pid":12,"directory":"/"}' ;;
        "doctor --environment --json") echo '{"findings":["of none"]}' ;;
      esac
    SH

    expect(found).to eq([ "of 12" ])
    expect(other.findings).to eq([ "of none" ])
    expect(thrust("exit 1").findings).to be_nil
  end

  it "says what to do when the binary cannot be run" do
    missing = described_class.new(root: @root, executable: instance_double(Thruster::Executable, path: "/nowhere/thrust"))

    expect { missing.ask("status") }.to raise_error(Thruster::ExecutableNotFound, %r{/nowhere/thrust cannot be run})
  end
end
