# frozen_string_literal: true

require "test_helper"
require "support/doctor_test"

class DoctorFilesTest < DoctorTest
  CHECK = Thruster::Doctor::Files

  # Replaces the body of an answer, as what compresses or rewrites does.
  class Rewriting
    def initialize(app)
      @app = app
    end

    def call(env)
      status, headers, body = @app.call(env)
      [ status, headers, body.enum_for.to_a ]
    end
  end

  setup { write "public/404.html", "There is no such page" }

  test "a file that comes through the app's middleware is thrust's to send" do
    stack = ActionDispatch::MiddlewareStack.new { _1.use Rack::Sendfile and _1.use Rack::ETag }

    findings = examine(CHECK, config: { middleware: stack })

    assert_sound findings
    assert_match(/thrust sends .*404\.html/, findings.first.what)
  end

  test "middleware that replaces the body of a file is a warning" do
    stack = ActionDispatch::MiddlewareStack.new { _1.use Rewriting }

    assert_found :warning, /Puma sends .*404\.html itself/, examine(CHECK, config: { middleware: stack })
  end

  test "an app that answers to its own hosts alone, and one that asks for a password, are no reason to warn" do
    hosts = [ ".shop.example" ]
    picky = ActionDispatch::MiddlewareStack.new { _1.use ActionDispatch::HostAuthorization, hosts }
    locked = ActionDispatch::MiddlewareStack.new { _1.use(Rack::Auth::Basic) { false } }

    answering = examine(CHECK, config: { middleware: picky, hosts: })
    refusing = examine(CHECK, config: { middleware: locked })

    assert_match(/thrust sends .*404\.html/, answering.first.what)
    assert_sound refusing
    assert_match(/answers 401/, refusing.first.what)
  end

  test "a header of the app's own is sound if thrust knows it and has what it needs" do
    assert_sound examine(CHECK, config: header("X-Sendfile"))
    assert_sound examine(CHECK, config: header("X-Accel-Redirect"), settings: { "sendfile_mappings" => [ "/i=/srv/i" ] })
    assert_found :error, /nothing says where they lie/, examine(CHECK, config: header("X-Accel-Redirect"))
    assert_found :error, /does not know/, examine(CHECK, config: header("X-Lighttpd-Send-File"))
    assert_found :error, /is off/, examine(CHECK, config: header("X-Sendfile"), settings: { "x_sendfile_enabled" => false })
  end

  test "Active Storage outside of the roots is a warning" do
    disk = { active_storage: OpenStruct.new(service_configurations: { "local" => { "service" => "Disk", "root" => "storage" } }) }

    outside = examine(CHECK, config: disk, pushed: { "sendfile_roots" => File.join(@root, "public") })
    inside = examine(CHECK, config: disk, pushed: { "sendfile_roots" => "/elsewhere,#{@root}" })

    assert_found :warning, /Active Storage \(local\)/, outside
    assert_sound inside
  end

  test "what Rails cannot say in thrust's words is a warning, and what thrust does not take an error" do
    fault = { setting: "target_timeout", message: "target_timeout is \"soon\"; a time is a number" }

    unsaid = examine(Thruster::Doctor::Conversation, told: { notes: [ "a proc" ] })
    refused = examine(Thruster::Doctor::Conversation, told: { faults: [ fault ] })

    assert_found :warning, "a proc", unsaid
    assert_found :error, 'config.thruster.target_timeout is "soon"; a time is a number', refused
    assert_sound examine(Thruster::Doctor::Conversation)
  end

  test "a Rails that was told to be silent leaves the files to Puma, and that is sound" do
    assert_sound examine(Thruster::Doctor::Conversation, told: { silent: true })
    assert_sound examine(CHECK, told: { silent: true })
  end

  test "what thrust is told not to send is Puma's" do
    [ { settings: { "x_sendfile_enabled" => false } }, { pushed: { "x_sendfile_enabled" => "off" } } ].each do |given|
      assert_equal "X_SENDFILE_ENABLED is off: Puma sends the files", examine(CHECK, **given).sole.what
    end
  end

  test "assets that are not compiled are a warning in production only" do
    assets = { assets: OpenStruct.new(prefix: "/assets") }

    in_production = with_env("production") { examine(Thruster::Doctor::Assets, config: assets) }
    in_development = with_env("development") { examine(Thruster::Doctor::Assets, config: assets) }

    assert_found :warning, /no compiled asset/, in_production
    assert_sound in_development
    assert_empty examine(Thruster::Doctor::Assets)
  end

  test "an asset without a compressed sibling is a warning that names the task" do
    write "public/assets/app-0a1b2c3d.css", "body {}"
    plain = examine(Thruster::Doctor::Assets, config: { assets: OpenStruct.new(prefix: "/assets") })
    write "public/assets/app-0a1b2c3d.css.br", "…"
    compressed = examine(Thruster::Doctor::Assets, config: { assets: OpenStruct.new(prefix: "assets") })

    assert_found :warning, "app-0a1b2c3d.css has no compressed file beside it", plain
    assert_match(/thruster:assets:compress/, plain.first.change)
    assert_sound compressed
  end

  test "an asset that the running thrust sends without a time to keep it is a warning" do
    write "public/assets/app-0a1b2c3d.css", "body {}"
    write "public/assets/app-0a1b2c3d.css.br", "…"

    kept = with_thrust("Cache-Control: public, max-age=31536000, immutable", "Content-Encoding: br") { assets(_1) }
    forgotten = with_thrust("Content-Encoding: br") { assets(_1) }
    plain = with_thrust("Cache-Control: immutable") { assets(_1) }

    assert_sound kept
    assert_match(%r{/assets/app-0a1b2c3d\.css comes br}, kept.last.what)
    assert_found :warning, /no Cache-Control/, forgotten
    assert_found :warning, /comes plain/, plain
  end

  test "an asset that the running thrust does not send is a warning, and so is a thrust that does not answer" do
    write "public/assets/app-0a1b2c3d.css", "body {}"

    missing = with_thrust(status: "404 Not Found") { assets(_1) }
    silent = assets(TCPServer.open("127.0.0.1", 0) { _1.addr[1] })

    assert_found :warning, "thrust answers 404 for /assets/app-0a1b2c3d.css", missing
    assert_found :warning, /could not be had from thrust/, silent
  end

  private
    def header(name)
      { action_dispatch: OpenStruct.new(x_sendfile_header: name) }
    end

    def assets(port)
      examine(Thruster::Doctor::Assets, config: { assets: OpenStruct.new(prefix: "/assets") },
        answers: { "status" => { "listening" => [ "unix:/run/a.sock", "127.0.0.1:#{port}" ] } })
    end

    # Answers one request with these fields.
    def with_thrust(*fields, status: "200 OK")
      server = TCPServer.new("127.0.0.1", 0)
      answering = Thread.new do
        client = server.accept
        nil until client.gets == "\r\n"
        client.write "HTTP/1.1 #{status}\r\n#{fields.map { "#{_1}\r\n" }.join}Content-Length: 0\r\nConnection: close\r\n\r\n"
        client.close
      end
      yield server.addr[1]
    ensure
      answering.join(5)
      server.close
    end

    def with_env(name)
      before = Rails.env
      Rails.env = name
      yield
    ensure
      Rails.env = before
    end
end
