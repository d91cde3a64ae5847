# frozen_string_literal: true

require "test_helper"
require "support/doctor_test"
require "thruster/effective_settings"
require "thruster/tasks"

class ReportTest < DoctorTest
  FINDINGS = [
    { level: :error, what: "it fails", why: "of this", change: "that" },
    { level: :ok, what: "it works" }
  ].freeze

  # A check that has found this.
  class Known < Thruster::Doctor::Check
    def findings
      FINDINGS.map { Thruster::Doctor::Finding.new(check: "known", **_1) }
    end
  end

  # A check that fails itself.
  class Failing < Thruster::Doctor::Check
    def findings
      raise IOError, "closed"
    end
  end

  test "the status of another app's thrust is not shown for that of this one" do
    shown = []
    said = Said.new({ "status" => nil })
    said.define_singleton_method(:show) { |*words| (shown << words) && Struct.new(:success?).new(true) }
    app = App.new(Pathname(@root))
    errors = StringIO.new

    none = Thruster::Tasks.new(app, command_line: said, errors:).status
    said.answers["status"] = { "pid" => 12 }
    one = Thruster::Tasks.new(app, command_line: said, format: "json").status

    assert_not none
    assert_match(/\ANo thrust was found that runs in #{@root}; /, errors.string)
    assert one
    assert_equal [ %w[status --pid 12 --json] ], shown
  end

  test "what is wrong stands last, with its reason and its remedy" do
    doctor = Thruster::Doctor.new(nil, checks: [ Known ])

    assert_equal <<~TEXT, doctor.to_s
      ok       known: it works
      ERROR    known: it fails
                    why: of this
                 change: that

      1 error, 0 warnings, 1 ok
    TEXT
    assert_not doctor.healthy?
  end

  test "programs get the same as JSON" do
    doctor = Thruster::Doctor.new(nil, checks: [ Known ])

    assert_equal({ "findings" => [
      { "check" => "known", "level" => "error", "what" => "it fails", "why" => "of this", "change" => "that" },
      { "check" => "known", "level" => "ok", "what" => "it works" }
    ] }, JSON.parse(doctor.to_json))
  end

  test "a check that fails is a warning and makes nobody ill" do
    doctor = Thruster::Doctor.new(nil, checks: [ Failing ])

    assert doctor.healthy?
    assert_equal [ "failing", :warning, "IOError: closed" ], doctor.findings.map { [ _1.check, _1.level, _1.why ] }.first
  end

  test "without a running thrust Rails' settings stand before defaults and behind the environment" do
    answer = config_answer("http_read_timeout" => 90)

    settings = Thruster::EffectiveSettings.new(answer, pushed: { "http_read_timeout" => "5s", "trusted_proxies" => "none" })

    assert_equal [ 90, "environment" ], settings.find { _1.name == "http_read_timeout" }.then { [ _1.value, _1.source ] }
    assert_equal [ [], "none", "rails" ], settings.find { _1.name == "trusted_proxies" }.then { [ _1.value, _1.text, _1.source ] }
    assert_equal "default", settings.find { _1.name == "http_port" }.source
  end

  test "what Rails would push is data as thrust would have it" do
    texts = { "http_read_timeout" => %w[90 1500ms 1m30s 0 -1], "forward_headers" => %w[off T], "sendfile_roots" => [ "", "/a, /b" ],
      "public_index" => [ "start" ] }

    values = texts.to_h { |name, all| [ name, all.map { pushed(name, _1) } ] }

    assert_equal({ "http_read_timeout" => [ 90, 1.5, 90, nil, nil ], "forward_headers" => [ false, true ],
      "sendfile_roots" => [ [], %w[/a /b] ], "public_index" => [ "start" ] }, values)
  end

  test "a running thrust knows better what it has than this process does" do
    settings = Thruster::EffectiveSettings.new(config_answer({}).merge("running" => true), pushed: { "http_port" => "81" })

    assert_equal 80, settings["http_port"]
  end

  private
    def pushed(name, text)
      rows = [ row(name, "default", "default") ]
      Thruster::EffectiveSettings.new({ "settings" => rows }, pushed: { name => text })[name]
    end
end
