# frozen_string_literal: true

RSpec.describe Thruster::Client do
  around { |example| Dir.mktmpdir { |directory| @directory = directory and example.run } }
  after { @proxy&.stop }

  # A client of a proxy that answers so.
  def client(*said, patience: 20, &answer)
    @proxy = FakeProxy.new(@directory, &(answer || ->(_) { said }))
    described_class.new(@proxy.socket, patience:)
  end

  def error(kind, message, **fields)
    { reply: "error", kind:, message:, **fields }
  end

  it "asks for the status and gets it as a frozen hash" do
    asked = client({ reply: "ok", status: { state: "ready", generation: 3, previous: [ { child: 7 } ] } })

    status = asked.status

    expect(@proxy.asked.pop).to eq("version" => 1, "command" => "status")
    expect(status).to eq(state: "ready", generation: 3, previous: [ { child: 7 } ]).and be_frozen
    expect(status[:previous].first).to be_frozen
  end

  it "asks for the settings and for what was counted" do
    asked = client { |command| { reply: "ok", command["command"] => { "of" => command["command"] } } }

    expect(asked.config).to eq(of: "config")
    expect(asked.metrics).to eq(of: "metrics")
  end

  it "tells settings and facts, and what became of them" do
    asked = client({ reply: "ok", configured: { generation: 1, changed: %w[debug], overridden: [], sendfile_secret: "s" } })

    configured = asked.configure({ "debug" => "on" }, app: { framework: "Rails 8", hosts: [ "ö.example" ] })

    expect(@proxy.asked.pop).to eq("version" => 1, "command" => "configure", "settings" => { "debug" => "on" },
      "app" => { "framework" => "Rails 8", "hosts" => [ "ö.example" ] })
    expect(configured).to include(changed: [ "debug" ], sendfile_secret: "s")
  end

  it "names every fault of the settings" do
    faults = [ { setting: "debug", message: "debug is \"x\"" }, { setting: "port", message: "there is no port" } ]
    asked = client(error("invalid", "2 settings are wrong", faults:))

    expect { asked.configure({ "debug" => "x" }) }.to raise_error(Thruster::ConfigurationError, "2 settings are wrong") {
      expect(_1.faults).to eq(faults)
    }
  end

  it "says with thrust's own words and kind why it said no" do
    asked = client(error("superseded", "generation 1 was replaced by generation 2"))

    expect { asked.status }.to raise_error(Thruster::Refused, "generation 1 was replaced by generation 2") {
      expect(_1.kind).to eq(:superseded)
    }
  end

  it "passes over progress and signs of life, however the bytes are cut" do
    said = [ { reply: "progress", step: "waiting", text: "…" }, { reply: "alive" }, { reply: "ok", status: { state: "é" } } ]
    bytes = said.map { "#{JSON.generate({ version: 1 }.merge(_1))}\n" }.join.b
    asked = client(*bytes.bytes.map(&:chr))

    expect(asked.status).to eq(state: "é")
  end

  it "hears why it was refused when thrust does not read what it says" do
    server = UNIXServer.new(File.join(@directory, "full.sock"))
    refusing = Thread.new do
      connection = server.accept
      connection.write("#{JSON.generate(version: 1, **error("busy", "64 connections are open already"))}\n")
      connection.close
    end

    expect { described_class.new(server.path, patience: 20).configure({ "x" => "y" * 2_000_000 }) }
      .to raise_error(Thruster::Refused, "64 connections are open already")
  ensure
    refusing&.join(5)
    server&.close
  end

  it "does not wait for ever: neither for a line nor for the rest of one" do
    [ [], [ %({"version":1,) ] ].each do |said|
      asked = client(*said, patience: 0.1)

      expect { asked.status }.to raise_error(Thruster::TimedOut, /said nothing for 0\.1 s/)
    ensure
      @proxy.stop
      File.delete(@proxy.socket)
    end
  end

  it "does not wait for ever for one that does not accept" do
    server = Socket.new(:UNIX, :STREAM)
    path = File.join(@directory, "deaf.sock")
    server.bind(Socket.pack_sockaddr_un(path))
    server.listen(0)
    waiting = 2.times.map { described_class::Connection.new(path, patience: 0.1) rescue nil }

    expect { described_class.new(path, patience: 0.1).status }.to raise_error(Thruster::TimedOut)
  ensure
    waiting&.compact&.each(&:close)
    server&.close
  end

  it "says that nobody is there" do
    missing = File.join(@directory, "nobody.sock")
    too_deep = File.join("/tmp", "x" * 200)

    expect { described_class.new(missing).status }.to raise_error(Thruster::NotRunning, /#{missing}: No such file/)
    expect { described_class.new(too_deep).status }.to raise_error(Thruster::NotRunning)
    expect(described_class.new(missing)).not_to be_running
  end

  it "says that the connection ended, and that it may be under way" do
    expect { client(%({"version":1,"re), :close).status }.to raise_error(Thruster::Unavailable, /closed the connection/)
  end

  {
    "another version" => { version: 2, reply: "ok", status: {} }, "another program" => "220 mail.example.com ESMTP\n",
    "no object" => "[1]\n", "an unknown word" => { reply: "maybe" }, "an answer without what was asked" => { reply: "ok" },
    "bytes that are no text" => "\"\xff\"\n".b, "a line without an end" => "x" * (1024 * 1024 + 1)
  }.each do |name, said|
    it "says that it does not understand #{name}" do
      expect { client(said).status }.to raise_error(Thruster::ProtocolError)
    end
  end

  it "serves threads at once, and a fork beside them" do
    asked = client { |command| { reply: "ok", configured: command["settings"] } }

    answers = 8.times.map { |n| Thread.new { asked.configure({ "n" => n.to_s }) } }.map(&:value)
    forked = Process.wait2(fork { exit!(asked.configure({ "n" => "fork" }) == { n: "fork" }) }).last

    expect(answers).to eq(8.times.map { { n: _1.to_s } })
    expect(forked).to be_success
  end
end
