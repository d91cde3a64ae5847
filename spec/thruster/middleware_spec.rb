# frozen_string_literal: true

require "rack"
require "thruster/middleware"

RSpec.describe Thruster::Middleware do
  around { |example| Dir.mktmpdir { |directory| @directory = File.realpath(directory) and example.run } }

  # What thrust has answered: this secret, and these roots.
  let(:push) { Struct.new(:secret, :sendfile, :asked).new("s3cret", Thruster::Sendfile.new([ @directory ]), 0) }
  let(:file) { File.join(@directory, "file.txt").tap { File.write(_1, "from the disk") } }

  before do
    def push.from_thrust?(given) = given == secret
    def push.deliver_late = self.asked += 1
  end

  # A body that is a file, as Rack::Files and send_file have it.
  def body(path)
    Struct.new(:to_path, :closed) do
      def each = yield(File.read(to_path))
      def close = self.closed = true
    end.new(path)
  end

  def call(path, status: 200, headers: {}, env: { "HTTP_X_THRUSTER_SECRET" => "s3cret" }, **options)
    @seen = nil
    @body = body(path)
    app = ->(seen) { (@seen = seen) && [ status, { "content-length" => "13", "etag" => "e", **headers }, @body ] }
    described_class.new(app, push, **options).call(Rack::MockRequest.env_for("/", **env))
  end

  it "names the file to thrust in the place of its body, and keeps status and fields" do
    status, headers, body = call(file, status: 203)

    expect([ status, headers ]).to eq([ 203, { Rack::CONTENT_LENGTH => "0", "etag" => "e", "x-sendfile" => file } ])
    expect(body.each.to_a).to be_empty
    expect(@body.closed).to be_nil
    body.close
    expect(@body.closed).to be(true)
  end

  it "leaves no second length, however it is written" do
    _, headers, = call(file, headers: { "Content-Length" => "13" })

    expect(headers.select { |name, _| name.casecmp?("content-length") }).to eq(Rack::CONTENT_LENGTH => "0")
  end

  it "takes a Pathname, as send_file does" do
    expect(call(Pathname(file))[1]).to include("x-sendfile" => file)
  end

  it "sends the body to whoever else asks, and never shows the secret to the app" do
    [ {}, { "HTTP_X_THRUSTER_SECRET" => "guess" }, { "HTTP_X_SENDFILE_TYPE" => "X-Sendfile" } ].each do |env|
      _, headers, body = call(file, env:)

      expect(headers).to eq("content-length" => "13", "etag" => "e")
      expect(body.enum_for(:each).to_a).to eq([ "from the disk" ])
      expect(@seen).not_to have_key("HTTP_X_THRUSTER_SECRET")
    end
    call(file)
    expect(@seen).not_to have_key("HTTP_X_THRUSTER_SECRET")
  end

  it "leaves to Puma what thrust may not send" do
    Dir.mktmpdir do |elsewhere|
      outside = File.join(elsewhere, "file.txt").tap { File.write(_1, "") }
      link = File.join(@directory, "link").tap { File.symlink(outside, _1) }
      beside = "#{@directory}-beside".tap { FileUtils.mkdir_p(_1) }
      neighbour = File.join(beside, "file.txt").tap { File.write(_1, "") }
      strange = File.join(@directory, "a\nb").tap { File.write(_1, "") }
      fifo = File.join(@directory, "fifo").tap { File.mkfifo(_1) }

      [ outside, link, neighbour, strange, fifo, @directory, File.join(@directory, "gone"), nil ].each do |path|
        expect(call(path)[1]).not_to have_key("x-sendfile"), path.inspect
      end
    ensure
      FileUtils.rm_rf(beside) if beside
    end
  end

  it "names the very file that Puma would send, whatever its name looks like" do
    FileUtils.mkdir_p File.join(@directory, "deep/down")
    File.symlink File.join(@directory, "deep/down"), File.join(@directory, "link")
    File.write File.join(@directory, "deep/file.txt"), "deep"
    behind = File.join(@directory, "link/../file.txt")
    spaced = "#{file} ".tap { File.write(_1, "spaced") }

    expect(File.realpath(call(behind)[1]["x-sendfile"])).to eq(File.join(@directory, "deep/file.txt"))
    expect(call(spaced)[1]).not_to have_key("x-sendfile")
    Dir.chdir(@directory) do
      FileUtils.mkdir_p "~nobody-has-this-name"
      File.write "~nobody-has-this-name/a", ""
      expect(call("~nobody-has-this-name/a")[1]).to include("x-sendfile" => File.join(@directory, "~nobody-has-this-name/a"))
    end
  end

  it "leaves it to thrust to make a part of a file below the paths where there are only files" do
    push.sendfile = Thruster::Sendfile.new([ @directory ], files: [ "/disk/" ])
    asked = { "HTTP_RANGE" => "bytes=0-1", "HTTP_IF_RANGE" => "e" }

    call(file, env: { "HTTP_X_THRUSTER_SECRET" => "s3cret", "PATH_INFO" => "/disk/1", **asked })
    expect(@seen).not_to include(*asked.keys)

    call(file, env: { "HTTP_X_THRUSTER_SECRET" => "s3cret", "PATH_INFO" => "/elsewhere/disk/1", **asked })
    expect(@seen).to include(asked)
    call(file, env: { "PATH_INFO" => "/disk/1", **asked })
    expect(@seen).to include(asked)
  end

  it "decides alone who gets the names of files, as soon as thrust has been told" do
    call(file, env: { "HTTP_X_SENDFILE_TYPE" => "X-Sendfile" })
    expect(@seen).not_to have_key("HTTP_X_SENDFILE_TYPE")

    push.sendfile = nil
    call(file, env: { "HTTP_X_SENDFILE_TYPE" => "X-Sendfile" })
    expect(@seen).to have_key("HTTP_X_SENDFILE_TYPE")
  end

  it "leaves a part of a file to Puma" do
    expect(call(file, status: 206)[1]).not_to have_key("x-sendfile")
  end

  it "takes a root through its own link, also one that is made later" do
    root = File.join(@directory, "current")
    push.sendfile = Thruster::Sendfile.new([ root ])
    expect(call(file)[1]).not_to have_key("x-sendfile")

    File.symlink(File.dirname(file), root)

    expect(call(File.join(root, "file.txt"))[1]).to include("x-sendfile" => File.join(root, "file.txt"))
  end

  it "lets thrust send any file where no roots are named" do
    push.sendfile = Thruster::Sendfile.new([])

    expect(call(__FILE__)[1]).to include("x-sendfile" => __FILE__)
  end

  it "tells thrust late only for a request that came through it" do
    call(file, env: {})
    expect(push.asked).to eq(0)
    call(file, env: { "HTTP_X_REQUEST_START" => "t=1700000000123" })
    expect(push.asked).to eq(1)
  end

  it "tells the browser how long the request waited, beside what Rails tells it, if it is asked to" do
    env = { "HTTP_X_REQUEST_START" => "t=#{(Time.now.to_f * 1000).to_i - 50}" }

    beside = call(file, headers: { "server-timing" => "render;dur=2" }, env:, server_timing: true)[1]
    alone = call(file, env:, server_timing: true)[1]
    without = call(file, env:)[1]

    expect(beside["server-timing"]).to match(/\Arender;dur=2, queue;dur=\d+\.\d\d\z/)
    expect(alone["server-timing"]).to match(/\Aqueue;dur=\d/)
    expect(without).not_to have_key("server-timing")
  end
end
