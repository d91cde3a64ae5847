# frozen_string_literal: true

require "test_helper"
require "open3"

class TasksTest < SystemTest
  test "thruster:status tells how the thrust of this app is" do
    thrust

    text, status = rake("thruster:status")
    answer, = rake("thruster:status", "FORMAT" => "json")

    assert_predicate status, :success?, text
    assert_match(/ready/, text)
    assert_includes JSON.parse(answer)["listening"], "*:#{thrust.port}"
  end

  test "thruster:config tells what the running thrust has, and where each value comes from" do
    thrust

    text, status = rake("thruster:config")
    answer, = rake("thruster:config[json]")

    assert_predicate status, :success?, text
    assert_match(/^http_port +0 +environment THRUSTER_HTTP_PORT$/, text)
    filter = JSON.parse(answer)["settings"].find { _1["name"] == "filter_parameters" }
    assert_equal "rails", filter["source"]
  end

  test "thruster:doctor finds nothing wrong with the example app and looks at what its thrust serves" do
    thrust

    text, status = rake("thruster:doctor")

    assert_predicate status, :success?, text
    assert_match(/^ok +sendfile: thrust sends /, text)
    assert_match(%r{ assets: /assets/\S+-\h{8}\.(css|js) comes }, text)
    assert_match(/^0 errors, /, text.lines.last)
  end

  test "thruster:doctor fails where something is wrong, and says so to programs" do
    answer, status = rake("thruster:doctor[json]", "THRUSTER_EXECUTABLE" => "/nowhere/thrust")

    wrong = JSON.parse(answer)["findings"].select { _1["level"] == "error" }
    assert_equal 1, status.exitstatus
    assert_equal [ "there is no thrust binary" ], wrong.map { _1["what"] }
  end

  private
    # What the task wrote to stdout, and its Process::Status.
    def rake(task, variables = {})
      Bundler.with_unbundled_env do
        Timeout.timeout(60) do
          output, errors, status = Open3.capture3(DummyApp::ENVIRONMENT.merge(variables), "bin/rails", task, chdir: DummyApp::ROOT)
          [ output.empty? ? errors : output, status ]
        end
      end
    end
end
