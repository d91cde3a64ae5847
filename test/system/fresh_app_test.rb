# frozen_string_literal: true

require "test_helper"
require "support/fresh_app"
require "support/generator_test"

class FreshAppTest < SystemTest
  setup { @app = FreshApp.new }
  teardown { @app.remove }

  test "a new app gets our gem, one generator run, and answers behind bin/thrust, which has heard its settings" do
    @app.append "Gemfile", %(\ngem "thruster-rs", require: false\n)
    @app.bundle

    said = @app.command!("bin/rails", "generate", "thruster:install")
    @app.bundle
    initializer = @app.read("config/initializers/thruster.rb")
    @app.write "config/initializers/thruster.rb",
      initializer.sub("# config.thruster.max_request_body = 0", "config.thruster.max_request_body = 1000")
    server = serve

    assert_match(/update +Gemfile/, said)
    assert_match(/^gem "thruster-rs"$/, @app.read("Gemfile"))
    assert_answers server
    assert_equal "413", server.request(Net::HTTP::Post.new("/up").tap { _1.body = "x" * 1001 }).code
    assert_no_match(/created for a different gem/, server.output)
  end

  test "an app that used thruster runs ours after one generator run, by the same command" do
    @app.install_thruster
    @app.append "Gemfile", %(\ngem "thruster", require: false\ngem "thruster-rs"\n)
    @app.write "bin/thrust", GeneratorTest::OLD_BINSTUB, mode: 0o755
    @app.bundle
    before = @app.command!("bin/thrust")

    @app.command!("bin/rails", "generate", "thruster:install")
    @app.bundle
    server = serve

    assert_equal "This is thruster\n", before
    assert_no_match(/"thruster"/, @app.read("Gemfile"))
    assert_no_match(/^    thruster \(/, @app.read("Gemfile.lock"))
    assert_answers server
  end

  private
    def serve
      start_thrust(root: @app.root, launcher: %w[bin/thrust], environment: @app.environment)
    end

    # force_ssl is on, as Rails generates it.
    def assert_answers(server)
      assert_equal "301", server.get("/up").code
      assert_equal "200", server.get("/up", "X-Forwarded-Proto" => "https").code
      assert_equal "/up", request_line("/up", server:)["path"]
    end
end
