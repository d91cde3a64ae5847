# frozen_string_literal: true

require "test_helper"
require "support/bare_server"
require "support/told_proxy"

# Who tells thrust, when, and what happens if it says no. The app is real, thrust is not.
class ConversationTest < ActiveSupport::TestCase
  include Eventually

  RAILS = %w[bin/rails server].freeze
  PUMA = %w[bundle exec puma].freeze
  CLUSTER = { "WEB_CONCURRENCY" => "2" }.freeze

  setup do
    @directory = Dir.mktmpdir
    @servers = []
  end

  teardown do
    @servers.each(&:stop)
    @proxy&.stop
    FileUtils.rm_rf @directory
  end

  { "rails server" => [ RAILS, {} ], "puma" => [ PUMA, {} ], "puma that loads the app and forks" => [ PUMA, CLUSTER ] }
    .each do |name, (command, environment)|
      test "#{name} tells thrust once, before it accepts" do
        accepted = nil
        proxy { accepted = @server.accepts? and nil }

        serve(command, environment).ready

        assert_equal 1, @proxy.told.size
        assert_equal false, accepted
        assert_equal File.join(DummyApp::ROOT, "public"), @proxy.told.first["settings"]["public_path"]
        assert_equal "production", @proxy.told.first["app"]["environment"]
      end
    end

  test "each worker that loads the app for itself tells thrust, and those of a phased restart again" do
    proxy
    server = serve(PUMA, CLUSTER.merge("PRELOAD" => "false")).ready
    eventually("two workers") { @proxy.told.size == 2 }

    server.signal "USR1"

    eventually("two more workers", within: BareServer::BOOT) { @proxy.told.size == 4 }
    assert_equal [ 2, 8 ], @proxy.told.last["app"]["puma"].values_at("workers", "threads")
  end

  test "what a controller logs has the queue time, and only thrust gets the names of files" do
    proxy
    server = serve(RAILS).ready
    secret = { "X-Thruster-Secret" => ToldProxy::SECRET }

    server.get("/", "X-Request-Start" => "t=#{(Time.now.to_f * 1000).to_i - 20}")
    named = server.get("/404.html", secret)
    whole = server.get("/404.html")

    assert_match(/Completed 200 OK in \d+ms \(Queue: [2-9]\d\.\dms \| Views: /, server.output)
    assert_equal File.join(DummyApp::ROOT, "public/404.html"), named["X-Sendfile"]
    assert_empty named.body.to_s
    assert_nil whole["X-Sendfile"]
    assert_includes whole.body, "There is no such page"
    assert_not_includes server.get("/request", secret).body, ToldProxy::SECRET
  end

  test "another server tells thrust when the first request comes through it" do
    proxy
    server = serve(%w[bundle exec rackup --server webrick --port PORT]).ready
    assert_empty @proxy.told

    3.times { server.get("/up", "X-Request-Start" => "t=1700000000123") }

    assert_equal 1, @proxy.told.size
  end

  # bin/jobs and what else runs jobs loads the environment and no server.
  {
    "the runner" => [ %w[bin/rails runner Rails], {} ], "a task" => [ %w[bin/rails middleware], {} ],
    "the console" => [ %w[bin/rails console], {} ], "a worker of jobs" => [ %w[ruby -r ./config/environment -e Rails], {} ],
    "a test" => [ %w[bin/rails runner Rails], { "RAILS_ENV" => "test" } ]
  }.each do |name, (command, environment)|
    test "#{name} tells thrust nothing" do
      proxy

      assert_predicate serve(command, environment).wait, :success?, @server.output
      assert_empty @proxy.told
    end
  end

  test "THRUSTER_RAILS_ENABLED=0 keeps Rails silent" do
    proxy

    server = serve(RAILS, "THRUSTER_RAILS_ENABLED" => "0").ready
    server.get("/up", "X-Request-Start" => "t=1700000000123")

    assert_empty @proxy.told
    assert_not_includes server.output, "Queue:"
  end

  { "rails server" => RAILS, "puma" => PUMA }.each do |name, command|
    test "a bad setting ends #{name}, and all of them are named" do
      faults = %w[max_request_body http_read_timeout].map { { setting: _1, message: "#{_1} is \"lots\"; that is too much" } }
      proxy { { reply: "error", kind: "invalid", message: "2 settings are wrong", faults: } }

      server = serve(command, "APP_SETTINGS" => settings(max_request_body: "lots", http_read_timeout: "lots"))

      assert_not server.wait.success?
      assert_match(/thrust does not take what config\.thruster says/, server.output)
      assert_match(/config\.thruster\.max_request_body is "lots"; that is too much/, server.output)
      assert_match(/config\.thruster\.http_read_timeout is "lots"; that is too much/, server.output)
    end
  end

  test "what thrust does not take of what Rails knows by itself is left out, and the app serves" do
    proxy do |command|
      unknown = command["settings"].keys & %w[public_index sendfile_roots]
      faults = unknown.map { { setting: _1, message: "#{_1} is not a setting" } }
      { reply: "error", kind: "invalid", message: "unknown: #{unknown.join(" ")}", faults: } if unknown.any?
    end

    server = serve(RAILS, "APP_SETTINGS" => settings(max_request_body: "1MB")).ready

    assert_equal 2, @proxy.told.size
    assert_empty @proxy.told.last["settings"].keys & %w[public_index public_path sendfile_roots]
    assert_equal "1MB", @proxy.told.last["settings"]["max_request_body"]
    assert_includes server.output, "thrust does not take all that Rails says by itself: unknown: public_index sendfile_roots"
  end

  {
    "that is gone" => [ nil, /thrust was not told the settings of Rails: No thrust can be asked at/ ],
    "that knows no such command" => [ "unknown_command", /thrust refused the settings of Rails: no configure/ ]
  }.each do |name, (kind, warning)|
    test "a thrust #{name} is a warning, and the app serves" do
      proxy { { reply: "error", kind:, message: "no configure" } }
      @proxy.stop if kind.nil?

      assert_match warning, serve(RAILS).ready.output
    end
  end

  test "an app that thrust has replaced meanwhile serves on and says nothing" do
    proxy { { reply: "error", kind: "superseded", message: "generation 1 was replaced by generation 2" } }

    server = serve(RAILS).ready
    server.get("/up", "X-Request-Start" => "t=1700000000123")

    assert_equal 1, @proxy.told.size
    assert_not_includes server.output, "Thruster:"
  end

  test "a thrust with too many connections is asked again" do
    busy = 2
    proxy { { reply: "error", kind: "busy", message: "64 connections are open already" } if (busy -= 1) >= 0 }

    server = serve(RAILS).ready

    assert_equal 3, @proxy.told.size
    assert_includes server.output, "Thruster: told thrust "
  end

  test "the log says which of config.thruster the environment overrules" do
    proxy do |command|
      overridden = [ { setting: "log_requests", source: "environment LOG_REQUESTS" }, { setting: "assets_prefix", source: "option" } ]
      { reply: "ok", configured: { generation: 1, changed: command["settings"].keys, overridden:, sendfile_secret: "s" } }
    end

    server = serve(RAILS, "APP_SETTINGS" => settings(log_requests: false)).ready

    assert_includes server.output, "Thruster: environment LOG_REQUESTS wins over config.thruster.log_requests\n"
    assert_not_includes server.output, "assets_prefix\n"
  end

  private
    def proxy(&)
      @proxy = ToldProxy.new(@directory, &)
    end

    def settings(**values)
      File.join(@directory, "settings.json").tap { File.write(_1, JSON.generate(values)) }
    end

    def serve(command, environment = {})
      environment = { "THRUSTER_CONTROL_SOCKET" => @proxy.socket }.merge(environment)
      @server = BareServer.new(command, environment:).tap { @servers << _1 }
    end
end
