# frozen_string_literal: true

require "fileutils"
require "tmpdir"
require "thruster/executable"
require_relative "../../spec/support/commands"

# A new Rails app in a directory of its own, whose bundle has our gem as it was built and installed.
class FreshApp
  include Commands

  # What Debian does not have, or what the app is not about.
  OPTIONS = %w[bundle javascript git docker rubocop brakeman ci dev-gems system-test jbuilder bootsnap].map { "--skip-#{_1}" }
  ENVIRONMENT = { "RAILS_ENV" => "production", "SECRET_KEY_BASE_DUMMY" => "1",
    "DATABASE_URL" => "sqlite3:storage/production.sqlite3" }.freeze
  PROJECT = File.expand_path("../..", __dir__)

  class << self
    # Our gem and whichever else the tests made, for all apps of a run.
    def gems
      @gems ||= Dir.mktmpdir("gems").tap { |directory| Minitest.after_run { FileUtils.rm_rf directory } }
    end

    # Builds the gem as it is published and installs it without cargo: the binary is the one of the tests.
    def install
      @installed ||= Dir.mktmpdir do |directory|
        built = File.join(directory, "thruster-rs.gem")
        tool.run! "gem", "build", "--silent", "--output", built, "thruster-rs.gemspec", directory: PROJECT
        tool.run! "gem", "install", "--local", "--no-document", built,
          environment: { "GEM_HOME" => gems, "CARGO" => nil, "THRUSTER_BUILD" => nil, "PATH" => path_without("cargo") }
      end
    end

    private
      def tool
        Object.new.extend(Commands)
      end

      def path_without(program)
        ENV["PATH"].split(":").reject { File.exist?(File.join(_1, program)) }.join(":")
      end
  end

  attr_reader :root

  def initialize
    self.class.install
    @directory = Dir.mktmpdir("fresh")
    @root = File.join(@directory, "shop")
    run! "rails", "new", root, "--quiet", *OPTIONS, "-a", "propshaft", directory: @directory
    write "config/cable.yml", "production:\n  adapter: async\n"
  end

  def remove
    FileUtils.rm_rf @directory
  end

  # A gem by the name thruster, whose program is not ours, in the place of the real one.
  def install_thruster
    source = File.join(@directory, "thruster")
    FileUtils.mkdir_p File.join(source, "exe")
    File.write File.join(source, "exe/thrust"), "puts 'This is thruster'\n"
    File.write File.join(source, "thruster.gemspec"), <<~RUBY
      Gem::Specification.new("thruster", "0.1.15") do |spec|
        spec.summary, spec.authors, spec.files = "thruster", ["nobody"], ["exe/thrust"]
        spec.bindir, spec.executables = "exe", ["thrust"]
      end
    RUBY
    run! "gem", "build", "--silent", "--output", "#{source}.gem", "thruster.gemspec", directory: source
    run! "gem", "install", "--local", "--no-document", "--force", "#{source}.gem",
      environment: { "GEM_HOME" => self.class.gems }
  end

  def bundle
    command! "bundle", "install", "--local", "--quiet"
  end

  # Runs a program in the app and returns what it wrote to stdout.
  def command!(*words)
    run!(*words, environment:, directory: root, within: 90).output
  end

  def environment
    ENVIRONMENT.merge("GEM_HOME" => self.class.gems, "BUNDLE_SILENCE_ROOT_WARNING" => "1",
      "THRUSTER_EXECUTABLE" => Thruster::Executable.new(root: PROJECT).path)
  end

  def read(path)
    File.read(File.join(root, path))
  end

  def write(path, text, mode: 0o644)
    file = File.join(root, path)
    File.write(file, text)
    File.chmod(mode, file)
  end

  def append(path, text)
    write path, read(path) + text
  end
end
