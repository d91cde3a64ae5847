# frozen_string_literal: true

require "test_helper"
require "support/generator_test"
require "thruster-rs"
require "generators/thruster/install/install_generator"

class InstallGeneratorTest < GeneratorTest
  tests Thruster::Generators::InstallGenerator

  test "an app that used thruster runs thruster-rs, loaded, by the same bin/thrust" do
    write "Gemfile", %(gem "rails"\ngem "thruster", require: false\n)
    write "bin/thrust", OLD_BINSTUB, mode: 0o755

    output = run_generator

    assert_equal %(gem "rails"\ngem "thruster-rs"\n), read("Gemfile")
    assert_equal OLD_BINSTUB.sub(%("thruster"), %("thruster-rs")), read("bin/thrust")
    assert executable?("bin/thrust")
    assert_match(/update +Gemfile/, output)
    assert_match(%r{force +bin/thrust}, output)
    assert_match(/Run `bundle install`/, output.lines.last)
  end

  test "an app without either gets the gem, the binstub and the initializer" do
    write "Gemfile", %(gem "rails"\n)

    run_generator

    assert_match(/^gem "thruster-rs"$/, read("Gemfile"))
    assert executable?("bin/thrust")
    assert_match(/^  # config\.thruster\.max_request_body = 0$/, read("config/initializers/thruster.rb"))
  end

  test "the initializer names each setting that Rails may give, as a comment, and no other" do
    run_generator

    text = read("config/initializers/thruster.rb")
    assert_equal Thruster::Settings.live.select(&:built?).map(&:name), text.scan(/^  # config\.thruster\.(\w+) = /).flatten
    assert_equal %w[Rails.application.configure end], text.lines.grep_v(/^\s*(#|$)/).map { _1[/\S+/] }
  end

  test "each comment of the initializer is a setting with its default once its # is gone" do
    run_generator
    configuration = Thruster::Configuration.new

    read("config/initializers/thruster.rb").scan(/^  # config\.thruster\.(\w+) = (.*)$/) do |name, value|
      configuration.public_send("#{name}=", eval(value))
    end

    defaults = Thruster::Settings.live.select(&:built?).to_h { [ _1.name, _1.default[/\A(?:(?!, or ).)*/] ] }
    assert_equal defaults, configuration.to_h
  end

  test "a second run changes nothing" do
    write "Gemfile", %(gem "thruster", require: false\n)
    write "Dockerfile", RAILS_DOCKERFILE
    write "bin/docker-entrypoint", RAILS_ENTRYPOINT, mode: 0o755
    run_generator
    before = files

    output = run_generator

    assert_equal before, files
    assert_empty output.scan(/^ +(create|update|force|insert|remove|chmod)\b/)
    assert_no_match(/bundle install/, output)
  end

  test "an initializer with settings in it stays as it is" do
    write "config/initializers/thruster.rb", "Rails.application.config.thruster.debug = true\n"

    output = run_generator

    assert_equal "Rails.application.config.thruster.debug = true\n", read("config/initializers/thruster.rb")
    assert_match(/skip +config.initializers.thruster\.rb: .*--force/, output)
  end

  test "a bin/thrust of the app's own is not overwritten unless told so" do
    write "bin/thrust", "#!/bin/sh\nexec ./thruster\n", mode: 0o755

    output = run_generator
    kept = read("bin/thrust")
    run_generator [ "--force" ]

    assert_equal "#!/bin/sh\nexec ./thruster\n", kept
    assert_match(%r{skip +bin/thrust: .*--force}, output)
    assert_match(/thruster-rs/, read("bin/thrust"))
  end

  test "a Gemfile whose gem stands in another file is left alone" do
    write "Gemfile", %(eval_gemfile "../Gemfile"\n)
    write "Gemfile.lock", "GEM\n  specs:\n    thruster-rs (0.1.0)\n"

    run_generator

    assert_equal %(eval_gemfile "../Gemfile"\n), read("Gemfile")
  end

  test "the container starts the server behind thrust and still prepares the database" do
    write "Dockerfile", RAILS_DOCKERFILE
    write "bin/docker-entrypoint", RAILS_ENTRYPOINT.sub("./bin/rails db:prepare", "echo prepared"), mode: 0o755

    run_generator

    assert_match(/^EXPOSE 80\nCMD \["\.\/bin\/thrust", "\.\/bin\/rails", "server"\]$/, read("Dockerfile"))
    assert executable?("bin/docker-entrypoint")
    entrypoint = File.join(destination_root, "bin/docker-entrypoint")
    started = IO.popen([ entrypoint, "echo", "./bin/thrust", "./bin/rails", "server" ], &:read)
    other = IO.popen([ entrypoint, "echo", "./bin/rails", "console" ], &:read)
    assert_equal "prepared\n./bin/thrust ./bin/rails server\n", started
    assert_equal "./bin/rails console\n", other
  end

  test "a container that tells the server its port is left, and the reason is given" do
    write "Dockerfile", %(CMD ["./bin/rails", "server", "-p", "80"]\n)

    output = run_generator

    assert_equal %(CMD ["./bin/rails", "server", "-p", "80"]\n), read("Dockerfile")
    assert_match(/skip +Dockerfile: .*-p 80/, output)
  end

  test "--pretend says the same and changes nothing" do
    write "Gemfile", %(gem "thruster", require: false\n)
    write "Dockerfile", RAILS_DOCKERFILE
    before = files

    output = run_generator [ "--pretend" ]

    assert_equal before, files
    assert_match(/update +Gemfile/, output)
    assert_match(/update +Dockerfile/, output)
    assert_match(%r{create +bin/thrust}, output)
  end

  test "destroy takes back all but the Gemfile" do
    write "Gemfile", %(gem "thruster-rs"\n)
    write "Dockerfile", RAILS_DOCKERFILE
    run_generator

    output = run_generator [], behavior: :revoke

    assert_equal({ "Gemfile" => %(gem "thruster-rs"\n), "Dockerfile" => RAILS_DOCKERFILE }, files.transform_values(&:first))
    assert_match(/skip +Gemfile: take gem "thruster-rs" out/, output)
  end

  test "destroy leaves a bin/thrust that it does not know" do
    write "bin/thrust", "#!/bin/sh\n", mode: 0o755

    run_generator [], behavior: :revoke

    assert_equal "#!/bin/sh\n", read("bin/thrust")
  end
end
