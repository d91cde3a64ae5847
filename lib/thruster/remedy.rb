# frozen_string_literal: true

module Thruster
  # What to run when the gem has no binary for this machine. It depends on how the gem came here: from a checkout, as
  # source that cargo should have built, or precompiled for another platform.
  class Remedy
    PRECOMPILED = %w[x86_64-linux aarch64-linux x86_64-darwin arm64-darwin].freeze
    RUST = "1.95"

    def initialize(root:, platform:, environment: ENV, locked: self.class.locked_platforms)
      @root = root
      @platform = platform
      @environment = environment
      @locked = locked
    end

    # The platforms of the lockfile that Bundler runs with; nil without Bundler or a lockfile.
    def self.locked_platforms
      return unless defined?(Bundler) && Bundler.respond_to?(:locked_gems)

      Bundler.locked_gems&.platforms
    rescue StandardError
      nil # A Gemfile that Bundler cannot read must not hide our own message.
    end

    def to_s
      if checkout?
        "This is a checkout: run `bundle exec rake compile` in it, then try again.\n"
      elsif left_out_of_lockfile?
        "The lockfile does not list this platform: run `bundle lock --add-platform #{@platform}` and " \
          "`bundle install`, then try again.\n"
      elsif source?
        build
      else
        elsewhere
      end
    end

    private
      # Neither file is part of the gem.
      def checkout?
        File.exist?(File.join(@root, "Gemfile")) && File.exist?(File.join(@root, "thruster-rs.gemspec"))
      end

      def left_out_of_lockfile?
        @locked && PRECOMPILED.include?(@platform) && @locked.none? do |platform|
          platform != Gem::Platform::RUBY && Gem::Platform.new(platform.to_s) === Gem::Platform.new(@platform)
        end
      end

      def source?
        File.exist?(File.join(@root, "ext/thrust/extconf.rb"))
      end

      def build
        if cargo?
          "It was not built when the gem was installed: run `THRUSTER_BUILD=1 #{pristine}` to build it now, " \
            "or to see what keeps cargo from it.\n"
        else
          "It is built with cargo, which is not on the PATH: install Rust #{RUST} or later (https://rustup.rs), " \
            "run `THRUSTER_BUILD=1 #{pristine}`, then try again.\n"
        end
      end

      def elsewhere
        "This gem was made for another platform: run `#{install}`, then try again.\n"
      end

      def cargo?
        return true unless @environment["CARGO"].to_s.empty?

        @environment.fetch("PATH", "").split(File::PATH_SEPARATOR).any? do |directory|
          file = File.join(directory, "cargo")
          File.file?(file) && File.executable?(file)
        end
      end

      def pristine
        @locked ? "bundle pristine thruster-rs" : "gem pristine thruster-rs --extensions"
      end

      def install
        @locked ? "bundle install" : "gem install thruster-rs"
      end
  end
end
