# frozen_string_literal: true

require "test_helper"
require "support/load_test"

class RestartTest < LoadTest
  IN_A_ROW = Integer(ENV.fetch("RESTARTS", "20"))

  { "a single Puma" => {}, "a cluster" => CLUSTER }.each do |name, environment|
    test "#{IN_A_ROW} restarts in a row under load cost nobody a request: #{name}" do
      server = start_thrust(environment:)
      load = start_load(server)
      load.steady
      first = app_pid(server)

      IN_A_ROW.times { restart(server) }
      report = load.finish

      assert_unharmed report, server
      assert_not_equal first, app_pid(server)
      assert_equal IN_A_ROW + 1, status(server)["generation"]
    end

    test "#{IN_A_ROW} new binaries in a row under load cost nobody a request: #{name}" do
      server = start_thrust(environment:)
      load = start_load(server)
      load.steady
      first = app_pid(server)

      IN_A_ROW.times { restart(server, "--self") }
      report = load.finish

      assert_unharmed report, server
      assert_equal first, app_pid(server)
      assert_not server.ended?
    end
  end

  private
    def restart(server, *options)
      output, status = server.command("restart", *options, "--pid", server.pid.to_s)

      assert status.success?, "thrust restart ended with #{status}: #{output}\n#{server.last_words}"
    end

    def status(server)
      output, = server.command("status", "--json", "--pid", server.pid.to_s)
      JSON.parse(output)
    end

    def app_pid(server)
      status(server)["child"]
    end
end
