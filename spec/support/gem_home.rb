# frozen_string_literal: true

require_relative "commands"
require_relative "stubs"

# An empty GEM_HOME and an outside world in which only it, Ruby's own gems and a few programs exist.
class GemHome
  include Commands
  include Stubs

  BUILD = 900 # seconds for a release build on two busy cores

  attr_reader :path

  def initialize(path)
    @path = path
    @tools = tools("#{path}-tools", "ruby", RbConfig::CONFIG["RUBY_INSTALL_NAME"], "gem", "bundle", "make", "sh", "env", "mkdir", "rm", "install", "uname", "cat", "cp", "mv")
  end

  # Without cargo, unless a directory with one is given.
  def environment(cargo: nil, variables: {})
    { "GEM_HOME" => path, "GEM_PATH" => nil, "CARGO" => nil, "CARGO_TARGET_DIR" => nil, "THRUSTER_EXECUTABLE" => nil, "BUNDLE_SILENCE_ROOT_WARNING" => "1",
      "PATH" => [ File.join(path, "bin"), cargo, @tools ].compact.join(":") }.merge(variables)
  end

  def install(gem, **options)
    run "gem", "install", "--local", "--no-document", gem, environment: environment(**options), within: BUILD
  end

  def thrust(*arguments, **options)
    run File.join(path, "bin/thrust"), *arguments, environment: environment(**options)
  end

  # Ruby that has loaded the gem, with these arguments for the script.
  def ruby(script, *arguments, **options)
    run "ruby", "-e", "gem 'thruster-rs'; require 'thruster'; #{script}", *arguments, environment: environment(**options)
  end

  # Where the one gem lies that was installed.
  def installed
    Dir[File.join(path, "gems/thruster-rs-*")].first
  end
end
