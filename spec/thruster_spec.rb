# frozen_string_literal: true

RSpec.describe Thruster do
  around { |example| Dir.mktmpdir { |directory| @directory = directory and example.run } }

  def with_socket(path)
    before, ENV["THRUSTER_CONTROL_SOCKET"] = ENV["THRUSTER_CONTROL_SOCKET"], path
    yield
  ensure
    ENV["THRUSTER_CONTROL_SOCKET"] = before
  end

  it "asks the thrust above this process" do
    proxy = FakeProxy.new(@directory) { |command| { reply: "ok", command["command"] => { "of" => command["command"] } } }

    with_socket(proxy.socket) do
      expect(described_class).to be_running
      expect([ described_class.status, described_class.config, described_class.metrics ])
        .to eq([ { of: "status" }, { of: "config" }, { of: "metrics" } ])
    end
  ensure
    proxy&.stop
  end

  it "knows that there is none" do
    with_socket(nil) do
      expect(described_class).not_to be_running
      expect { described_class.status }.to raise_error(Thruster::NotRunning, /THRUSTER_CONTROL_SOCKET is not set/)
    end
  end

  it "knows that it has gone" do
    with_socket(File.join(@directory, "gone.sock")) { expect(described_class).not_to be_running }
  end
end
