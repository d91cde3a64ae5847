# frozen_string_literal: true

require "test_helper"
require "support/generator_test"
require "generators/thruster/dockerfile/dockerfile_generator"

class DockerfileGeneratorTest < GeneratorTest
  tests Thruster::Generators::DockerfileGenerator

  LOCK = <<~LOCK
    GEM
      specs:
        activerecord (8.0.0)
        bootsnap (1.18.4)
        pg (1.5.9)
        propshaft (1.1.0)

    PLATFORMS
      x86_64-linux
  LOCK

  test "an app without a Dockerfile gets one that starts the server behind thrust" do
    write "Gemfile.lock", LOCK
    write "config/database.yml", ""
    write ".ruby-version", "ruby-3.4.1\n"

    output = run_generator

    text = read("Dockerfile")
    assert_match(/^ARG RUBY_VERSION=3\.4\.1$/, text)
    assert_match(/^FROM .* AS build$/, text)
    assert_match(/apt-get install --no-install-recommends -y curl libjemalloc2 postgresql-client &&/, text)
    assert_match(/-y build-essential git libpq-dev libyaml-dev pkg-config &&/, text)
    assert_match(/bootsnap precompile --gemfile$/, text)
    assert_match(/assets:precompile$/, text)
    assert_match(/^USER 1000:1000$/, text)
    assert_match(/^HEALTHCHECK .*\\\n    CMD curl .*\$THRUSTER_READY_PATH"$/, text)
    assert text.end_with?(%(EXPOSE 80\nCMD ["./bin/thrust", "./bin/rails", "server"]\n))
    assert_no_match(/node|\n\n\n/, text)
    assert executable?("bin/docker-entrypoint")
    assert_match(/db:prepare/, read("bin/docker-entrypoint"))
    assert_match(%r{^/config/master\.key$}, read(".dockerignore"))
    assert_no_match(/add-platform/, output)
  end

  test "what the image needs is seen in the Gemfile where there is no Gemfile.lock" do
    write "Gemfile", %(gem "propshaft"\n# gem "bootsnap"\ngem("pg", "~> 1.5")\n)

    run_generator

    assert_match(/libjemalloc2 postgresql-client/, read("Dockerfile"))
    assert_match(/assets:precompile$/, read("Dockerfile"))
    assert_no_match(/bootsnap/, read("Dockerfile"))
  end

  test "an app without a database or assets gets a Dockerfile without them" do
    write "Gemfile.lock", "GEM\n  specs:\n    rails (8.0.0)\n\nPLATFORMS\n  arm64-darwin\n"

    output = run_generator

    assert_no_match(/assets:precompile|bootsnap|sqlite|\n\n\n/, read("Dockerfile"))
    assert_equal %(#!/bin/bash -e\n\nexec "${@}"\n), read("bin/docker-entrypoint")
    assert_match(/bundle lock --add-platform x86_64-linux aarch64-linux/, output)
  end

  test "assets that Node builds are built with it, and it stays out of the image" do
    write "package.json", "{}"
    write "yarn.lock", ""

    run_generator

    build, image = read("Dockerfile").split(/^FROM base$/)
    assert_match(/^RUN yarn install --frozen-lockfile$/, build)
    assert_no_match(/node/, image)
  end

  test "in the Dockerfile of Rails only the command changes, and what depends on it" do
    write "Dockerfile", RAILS_DOCKERFILE
    write "bin/docker-entrypoint", RAILS_ENTRYPOINT, mode: 0o755

    run_generator

    changed = RAILS_DOCKERFILE.lines.zip(read("Dockerfile").lines).reject { |before, after| before == after }.map(&:last)
    assert_equal [ "EXPOSE 80\n", %(CMD ["./bin/thrust", "./bin/rails", "server"]\n) ], changed
    assert_equal %w[Dockerfile bin/docker-entrypoint], files.keys.sort
  end

  test "a second run changes nothing" do
    run_generator
    before = files

    output = run_generator

    assert_equal before, files
    assert_empty output.scan(/^ +(create|update|force|conflict)\b/)
  end

  test "destroy takes back what was made, or the command that was changed" do
    run_generator
    run_generator [], behavior: :revoke
    made = files
    write "Dockerfile", RAILS_DOCKERFILE
    run_generator
    run_generator [], behavior: :revoke

    assert_empty made
    assert_equal RAILS_DOCKERFILE, read("Dockerfile")
  end

  test "what the app had before is neither written over nor destroyed" do
    write ".dockerignore", "/mine\n"
    write "bin/docker-entrypoint", "#!/bin/sh\nexec \"$@\"\n", mode: 0o755
    before = files

    run_generator
    run_generator [], behavior: :revoke

    assert_equal before, files
  end
end
