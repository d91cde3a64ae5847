# frozen_string_literal: true

require "test_helper"
require "thruster"

# What Rails tells a real thrust, and what becomes of it.
class SettingsTest < SystemTest
  PUMA = %w[bundle exec puma].freeze
  CLUSTER = { "WEB_CONCURRENCY" => "2" }.freeze
  ALONE = CLUSTER.merge("PRELOAD" => "false").freeze # each worker loads the app for itself

  setup { @directory = Dir.mktmpdir }
  teardown { FileUtils.rm_rf @directory }

  {
    "rails server" => [ ThrustServer::RAILS, {} ], "rails server with workers" => [ ThrustServer::RAILS, CLUSTER ],
    "puma" => [ PUMA, {} ], "puma that loads the app and forks" => [ PUMA, CLUSTER ],
    "puma whose workers load the app" => [ PUMA, ALONE ]
  }.each do |name, (command, environment)|
    test "settings arrive from #{name}, and a worker can ask thrust" do
      want max_request_body: 1000

      server = start(command:, environment:)

      eventually("the limit") { upload(server, 1001) == 413 }
      assert_equal 201, upload(server, 1000)
      assert_equal [ "1kB", "rails" ], setting(server, "max_request_body").values_at(:text, :source)
      assert_equal [ File.join(DummyApp::ROOT, "public"), "rails" ], setting(server, "public_path").values_at(:value, :source)
      assert_equal "production", client(server).config.dig(:app, :environment)
      assert_equal({ "running" => true, "generation" => 1 }, JSON.parse(server.get("/proxy").body))
    end
  end

  test "the environment wins over Rails" do
    want max_request_body: 1000

    server = start(environment: { "MAX_REQUEST_BODY" => "2000" })

    assert_equal [ 201, 413 ], [ upload(server, 1001), upload(server, 2001) ]
    assert_equal %w[environment MAX_REQUEST_BODY], setting(server, "max_request_body").values_at(:source, :given_by)
    assert_includes server.output, "environment MAX_REQUEST_BODY wins over config.thruster.max_request_body"
  end

  test "THRUSTER_RAILS_ENABLED=0 leaves thrust as it is" do
    want max_request_body: 1000

    server = start(environment: { "THRUSTER_RAILS_ENABLED" => "0" })

    assert_equal 201, upload(server, 1001)
    assert_empty client(server).config[:settings].select { _1[:source] == "rails" }
  end

  test "what the app wants after a restart holds, and the app before it can change nothing any more" do
    want max_request_body: 1000, log_skip_paths: [ "/up" ]
    server = start(environment: { "THRUSTER_DRAIN_TIMEOUT" => "60" })
    older = Thruster::Client.new(sockets("generation-1.sock").sole)
    want max_request_body: 2000
    patient = server.socket # The older app lives for as long as somebody takes nothing of an answer.
    patient.write "GET /downloads/512 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    eventually("the request in the app") { server.output.include?('Started GET "/downloads/512') }
    restart = Thread.new { server.command("restart", "--pid", server.pid.to_s) }
    eventually("the switch", within: 60) { client(server).status[:generation] == 2 }

    error = assert_raises(Thruster::Refused) { older.configure({ "max_request_body" => "1" }) }

    assert_equal :superseded, error.kind
    assert_equal [ 201, 413 ], [ upload(server, 2000), upload(server, 2001) ]
    assert_equal "default", setting(server, "log_skip_paths")[:source]
    patient.close
    assert_predicate restart.value.last, :success?
  ensure
    patient&.close
    restart&.join
  end

  test "a restart with a bad setting leaves the old app and its settings" do
    want max_request_body: 1000
    server = start
    want max_request_body: "lots", http_read_timeout: "long"

    output, status = server.command("restart", "--pid", server.pid.to_s)

    assert_not status.success?, output
    assert_match(/config\.thruster\.max_request_body is "lots"; /, server.output)
    assert_match(/config\.thruster\.http_read_timeout is "long"; /, server.output)
    assert_equal [ 1, 413 ], [ client(server).status[:generation], upload(server, 1001) ]
  end

  test "an app with a bad setting does not boot, and every fault is named" do
    want max_request_body: "lots", log_level: "loud"

    server = start_thrust(environment: surroundings, ready: false)

    assert_not server.wait(within: 60).success?
    assert_match(/config\.thruster\.max_request_body is "lots"; /, server.output)
    assert_match(/config\.thruster\.log_level is "loud"; /, server.output)
  end

  test "after a phased restart the newest settings hold" do
    want max_request_body: 1000
    server = start(command: PUMA, environment: ALONE)
    want max_request_body: 2000

    Process.kill("USR1", client(server).status[:child])

    eventually("an upload of 2000 bytes", within: 60) { upload(server, 2000) == 201 }
    assert_equal 413, upload(server, 2001)
  end

  private
    def want(**settings)
      File.write File.join(@directory, "settings.json"), JSON.generate(settings)
    end

    def start(command: ThrustServer::RAILS, environment: {})
      start_thrust(command:, environment: surroundings.merge(environment))
    end

    def surroundings
      { "APP_SETTINGS" => File.join(@directory, "settings.json"), "RUNTIME_DIRECTORY" => @directory }
    end

    def sockets(name)
      Dir[File.join(@directory, "thrust-*/*/#{name}")]
    end

    def client(_server)
      Thruster::Client.new(sockets("control.sock").sole)
    end

    def setting(server, name)
      client(server).config[:settings].find { _1[:name] == name.upcase }
    end

    # The status for so many bytes.
    def upload(server, size)
      request = Net::HTTP::Post.new("/uploads", "Content-Type" => "application/octet-stream")
      request.body = "x" * size
      server.request(request).code.to_i
    end
end
