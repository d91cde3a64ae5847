# frozen_string_literal: true

require "test_helper"
require "support/doctor_test"

class DoctorPumaTest < DoctorTest
  test "Puma as Rails configures it is sound" do
    write "config/puma.rb", %(threads 3, 3\nport ENV.fetch("PORT", 3000)\n)

    assert_sound examine(Thruster::Doctor::Ports)
    assert_sound examine(Thruster::Doctor::Timeouts)
  end

  test "looking at Puma leaves the environment as it was" do
    before = ENV.to_h

    examine(Thruster::Doctor::Ports)

    assert_equal before, ENV.to_h
  end

  test "Puma on a port of its own is a warning that says how `rails server` differs" do
    write "config/puma.rb", %(bind "tcp://0.0.0.0:9292"\n)

    findings = examine(Thruster::Doctor::Ports)

    assert_found :warning, /binds tcp:\/\/0\.0\.0\.0:9292/, findings
    assert_match(/rails server/, findings.first.why)
  end

  test "Puma on the port of thrust is an error" do
    write "config/puma.rb", %(port ENV.fetch("PORT")\nbind "tcp://[::]:8080"\n)

    findings = examine(Thruster::Doctor::Ports, settings: { "http_port" => 8080 })

    assert_found :error, "config/puma.rb binds tcp://[::]:8080", findings
  end

  test "Puma that speaks TLS where thrust asks is an error" do
    write "config/puma.rb", %(bind "ssl://0.0.0.0:\#{ENV["PORT"]}?key=a&cert=b"\n)

    assert_found :error, /ssl:/, examine(Thruster::Doctor::Ports)
  end

  test "with a Unix socket as the target Puma has to bind it" do
    target = { "target" => "unix:/run/app.sock" }
    write "config/puma.rb", %(bind "unix://\#{ENV.fetch("THRUSTER_TARGET_SOCKET")}"\n)
    given = examine(Thruster::Doctor::Ports, settings: target)
    write "config/puma.rb", %(bind "unix:///run/app.sock"\n)
    written = examine(Thruster::Doctor::Ports, settings: target)
    write "config/puma.rb", %(port 3000\n)
    other = examine(Thruster::Doctor::Ports, settings: target)

    assert_sound given
    assert_sound written
    assert_found :warning, /binds tcp/, other
  end

  test "connections that Puma closes before thrust does are a warning, and so are those that it does not keep" do
    write "config/puma.rb", "persistent_timeout 15\n"
    short = examine(Thruster::Doctor::Timeouts)
    write "config/puma.rb", "enable_keep_alives false\n"
    none = examine(Thruster::Doctor::Timeouts)

    assert_found :warning, /after 15 s \(persistent_timeout\)/, short
    assert_found :warning, "Puma keeps no connections", none
  end

  test "an upload that Puma gives up before thrust does is a warning" do
    patient = examine(Thruster::Doctor::Timeouts, settings: { "http_read_timeout" => 90 })
    pushed = examine(Thruster::Doctor::Timeouts, pushed: { "http_read_timeout" => "2m" })
    endless = examine(Thruster::Doctor::Timeouts, settings: { "http_read_timeout" => nil })
    shorter = examine(Thruster::Doctor::Timeouts, settings: { "http_read_timeout" => 10 })

    [ patient, pushed, endless ].each { assert_found :warning, /first_data_timeout/, _1 }
    assert_sound shorter
  end

  test "a config/puma.rb that fails is a finding, and the other checks go on" do
    write "config/puma.rb", "raise 'no such plugin'\n"
    subject = Thruster::Doctor::Subject.new(App.new(Pathname(@root), configuration({}), {}), command_line: Said.new({}))

    findings = Thruster::Doctor.new(subject, checks: [ Thruster::Doctor::Ports, Thruster::Doctor::Proxies ]).findings

    assert_equal %w[ports proxies], findings.map(&:check)
    assert_match(/no such plugin/, findings.first.why)
  end
end
