# frozen_string_literal: true

require "test_helper"

class WrappingTest < SystemTest
  test "TERM ends the app, and thrust with the app's status" do
    server = start_thrust

    server.signal "TERM"

    assert_equal 143, server.wait.exitstatus
    relayed = server.log.find { _1["msg"] == "Relaying signal to upstream process" }
    assert_equal "terminated", relayed["signal"]
  end

  test "thrust exits with the status of the command" do
    server = start_thrust(command: [ "sh", "-c", "exit 9" ], ready: false)

    assert_equal 9, server.wait.exitstatus
  end

  test "whoever has waited for too long for a booting app sees the page of public/502.html" do
    server = start_thrust(command: %w[sleep 60], ready: false, environment: { "THRUSTER_BOOT_TIMEOUT" => "200ms" })

    response = server.get("/")

    assert_equal "503", response.code
    assert response["Retry-After"]
    assert_includes response.body, "The app is not there yet"
  end

  test "an app that demands HTTPS believes the proxy in front of us" do
    server = start_thrust(environment: { "FORCE_SSL" => "true" })

    plain = server.get("/")
    secure = server.get("/", "X-Forwarded-Proto" => "https")

    assert_equal [ "301", "https://127.0.0.1:#{server.port}/" ], [ plain.code, plain["Location"] ]
    assert_equal "200", secure.code
    assert_match(/max-age=/, secure["Strict-Transport-Security"])
  end

  test "the app's own binstub starts the same binary" do
    server = start_thrust(launcher: [ RbConfig.ruby, "bin/thrust" ])

    assert_equal "200", server.get("/up").code
  end
end
