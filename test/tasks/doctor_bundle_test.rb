# frozen_string_literal: true

require "test_helper"
require "support/doctor_test"
require "support/generator_test"

class DoctorBundleTest < DoctorTest
  test "a bundle with thruster-rs and its binstub is sound" do
    write "Gemfile", %(gem "thruster-rs"\n)
    write "bin/thrust", GeneratorTest::OLD_BINSTUB.sub(%("thruster"), %("thruster-rs")), mode: 0o755

    assert_sound examine(Thruster::Doctor::Bundle)
  end

  test "thruster beside thruster-rs is an error" do
    write "Gemfile", %(gem "thruster", require: false\ngem "thruster-rs"\n)

    assert_found :error, /names thruster beside/, examine(Thruster::Doctor::Bundle)
  end

  test "thruster-rs that Bundler does not load is a warning" do
    write "Gemfile", %(gem "thruster-rs", require: false\n)

    assert_found :warning, /require: false/, examine(Thruster::Doctor::Bundle)
  end

  test "a binstub that is missing, made for thruster or not executable is told" do
    missing = examine(Thruster::Doctor::Bundle)
    write "bin/thrust", GeneratorTest::OLD_BINSTUB, mode: 0o755
    theirs = examine(Thruster::Doctor::Bundle)
    write "bin/thrust", GeneratorTest::OLD_BINSTUB.sub(%("thruster"), %("thruster-rs")), mode: 0o644
    plain = examine(Thruster::Doctor::Bundle)

    assert_found :warning, "there is no bin/thrust", missing
    assert_found :warning, /made for the gem thruster/, theirs
    assert_found :error, /not executable/, plain
  end

  test "what the binary finds is told as it says it" do
    reported = [ { "check" => "ports", "level" => "error", "what" => "port 80 is taken", "why" => "by nginx", "change" => "stop it" } ]

    findings = examine(Thruster::Doctor::Binary, answers: { "doctor" => { "findings" => reported } })

    assert_equal [ [ "ports", :error, "port 80 is taken" ] ], findings.map { [ _1.check, _1.level, _1.what ] }
  end

  test "a binary without a doctor is sound, and one that is missing an error with its remedy" do
    missing = Thruster::ExecutableNotFound.new("No thrust binary for this.\nRun this and that.\n")

    assert_sound examine(Thruster::Doctor::Binary)
    findings = examine(Thruster::Doctor::Binary, answers: { "doctor" => missing })

    assert_found :error, "there is no thrust binary", findings
    assert_equal "Run this and that.", findings.first.change
  end
end
