# frozen_string_literal: true

require "test_helper"

# Files of public/ are thrust's as soon as Rails has said where they are.
class PublicFilesTest < SystemTest
  AGAIN = "Starting the upstream process again after a pause"

  test "a file waits for a booting app, and is sent at once while the app starts again" do
    server = start_thrust(environment: { "BOOT_DELAY" => "3", "THRUSTER_RESTART_ENABLED" => "1" }, ready: false)
    first = server.get("/about.html?first")

    Process.kill("KILL", child(server))
    eventually("the end of the app") { server.log.any? { _1["msg"] == AGAIN } }
    second = server.get("/about.html?second")

    assert_equal [ "200", "200" ], [ first.code, second.code ]
    assert_operator waited(server, "first"), :>, 1000
    assert_equal 0, waited(server, "second").to_i
    assert_equal first.body, second.body
    assert_equal "200", server.get("/request").code
  end

  private
    def child(server)
      status, = server.command("status", "--json", "--pid", server.pid.to_s)
      JSON.parse(status)["child"]
    end

    # Milliseconds in which the request with this query waited for an app.
    def waited(server, query)
      line = eventually("the line about #{query}") { server.log.find { _1["query"] == query } }
      line["queue"]
    end
end
